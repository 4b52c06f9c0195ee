"""What every metric asks of its labels, scores and predictions."""

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
