"""Runs of consecutive marked rows: the events of a series."""

from __future__ import annotations

import numpy as np


def segments(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return starts [n] and stops [n] (one past the last row) of the runs of true rows in marks [T].

    >>> segments(np.array([True, False, True, True]))
    (array([0, 2]), array([1, 4]))
    """
    edges = np.diff(marks.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def sums_within(values: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return [n]: the sums of values [T] over rows start ≤ t < stop.

    >>> sums_within(np.array([1.0, 2.0, 3.0]), np.array([0, 1]), np.array([2, 3]))
    array([3., 5.])
    """
    total = np.concatenate([[0], np.cumsum(values)])
    return total[stops] - total[starts]


def any_within(marks: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return [n] bool: whether any row start ≤ t < stop is true in marks [T].

    >>> any_within(np.array([True, False, False]), np.array([0, 1]), np.array([2, 3]))
    array([ True, False])
    """
    return sums_within(marks.astype(np.int64), starts, stops) > 0
