"""The worst false alarms and misses of a detector on a series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_JOIN = 20


@dataclass(frozen=True)
class Mistake:
    """Rows from `start` up to but without `stop`, and the highest score among them."""

    kind: str
    """"false alarm" or "miss"."""
    start: int
    stop: int
    peak: float
    row: int
    """Where the highest score is."""


def runs(mask: np.ndarray, join: int = 0) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of true values [T]; runs with at most `join` rows between them are one.

    >>> runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool), join=1)
    [(0, 4), (6, 7)]
    """
    changes = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    starts, stops = changes[::2], changes[1::2]
    apart = starts[1:] - stops[:-1] > join
    starts, stops = starts[np.append(True, apart)[: len(starts)]], stops[np.append(apart, True)[: len(stops)]]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def mistakes(labels: np.ndarray, scores: np.ndarray, threshold: float, count: int = 3) -> list[Mistake]:
    """Return the flagged runs without an anomalous row that peak highest, then the anomalies whose peak stays furthest
    below the threshold; at most `count` of each.

    Flags with at most 20 rows between them are one alarm.

    >>> labels = np.arange(100) >= 90
    >>> scores = np.where(np.arange(100) == 30, 2.0, 0.5)
    >>> [(found.kind, found.start, found.stop, found.peak) for found in mistakes(labels, scores, threshold=1.0)]
    [('false alarm', 30, 31, 2.0), ('miss', 90, 100, 0.5)]
    """
    alarms = [found for found in runs(scores > threshold, _JOIN) if not labels[slice(*found)].any()]
    missed = [event for event in runs(labels) if not (scores[slice(*event)] > threshold).any()]
    false = sorted((_mistake("false alarm", run, scores) for run in alarms), key=lambda found: -found.peak)
    quiet = sorted((_mistake("miss", run, scores) for run in missed), key=lambda found: found.peak)
    return false[:count] + quiet[:count]


def _mistake(kind: str, run: tuple[int, int], scores: np.ndarray) -> Mistake:
    row = run[0] + int(scores[slice(*run)].argmax())
    return Mistake(kind, *run, float(scores[row]), row)
