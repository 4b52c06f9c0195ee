"""Event by event: a run of anomalous rows is found when any of its rows is predicted."""

from __future__ import annotations

import numpy as np

from tsreward.evaluation.metrics.checks import checked_predictions
from tsreward.evaluation.metrics.f_measure import f_measure
from tsreward.evaluation.metrics.segments import any_within, segments


def event_precision(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return found / (found + false events); 0 where nothing is predicted.

    A predicted run without any anomalous row is one false event, however long (Hundman et al., KDD 2018).

    Args:
        labels: [T], anomalous where > 0.
        predictions: [T] of bool.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: no anomalous label, or predictions other than bool, 0 and 1.

    >>> event_precision(np.array([0, 1, 1, 0, 0]), np.array([False, True, False, False, True]))
    0.5
    """
    found, _, false = _counts(labels, predictions)
    return found / max(found + false, 1)


def event_recall(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the share of events that are found. Arguments and errors as in `event_precision`.

    >>> event_recall(np.array([0, 1, 1, 0, 1]), np.array([False, True, False, False, False]))
    0.5
    """
    found, events, _ = _counts(labels, predictions)
    return found / events


def event_f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the harmonic mean of both. Arguments and errors as in `event_precision`.

    >>> event_f1(np.array([0, 1, 1, 0, 1]), np.array([True, True, False, False, False])) == 2 / 3
    True
    """
    found, events, false = _counts(labels, predictions)
    return f_measure(found / max(found + false, 1), found / events)


def _counts(labels: np.ndarray, predictions: np.ndarray) -> tuple[int, int, int]:
    """Return how many events are found, how many there are, and how many predicted runs are false."""
    labels, predictions = checked_predictions(labels, predictions)
    found = any_within(predictions, *segments(labels))
    hit = any_within(labels, *segments(predictions))
    return int(found.sum()), len(found), int((~hit).sum())
