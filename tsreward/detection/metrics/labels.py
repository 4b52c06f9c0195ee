"""What all metrics use: checks of labels and scores, segments, and the F-measure."""

from __future__ import annotations

import numpy as np

from tsreward.errors import DataError, ShapeError


def checked_scores(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels [T] as bool (anomalous where > 0) and scores [T] as float64.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: NaN or inf, or only one class.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    _check_shapes(labels, scores, "scores")
    for name, values in (("labels", labels), ("scores", scores)):
        if not np.isfinite(values).all():
            raise DataError(f"A metric got NaN or inf among the {name}: score clean data only.")
    labels = labels > 0
    if labels.all() or not labels.any():
        which = "anomalous" if labels.any() else "normal"
        raise DataError(f"A metric needs both classes, but all {len(labels)} labels are {which}.")
    return labels, scores


def checked_predictions(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels [T] (anomalous where > 0) and predictions [T] as bool.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: NaN or inf among the labels, no anomalous label, or predictions other than bool, 0 and 1.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    _check_shapes(labels, predictions, "predictions")
    if not np.isfinite(labels).all():
        raise DataError("A metric got NaN or inf among the labels: score clean data only.")
    if predictions.dtype.kind != "b" and not np.isin(predictions, (0, 1)).all():
        raise DataError("A metric expects predictions of bool, 0 or 1: compare scores with a threshold first.")
    if not (labels > 0).any():
        raise DataError(f"A metric needs anomalous rows, but all {len(labels)} labels are normal.")
    return labels > 0, predictions.astype(bool)


def _check_shapes(labels: np.ndarray, values: np.ndarray, name: str) -> None:
    if labels.ndim != 1 or labels.shape != values.shape:
        raise ShapeError(
            f"A metric expects labels [T] and {name} [T], got {list(labels.shape)} and {list(values.shape)}."
        )


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


def f_measure(precision: float, recall: float) -> float:
    """Return 2 P R / (P + R); 0 where both are 0.

    >>> f_measure(0.5, 1.0) == 2 / 3
    True
    """
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
