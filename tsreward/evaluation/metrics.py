"""Threshold-free detection metrics: functions of (labels, scores), in numpy."""

from __future__ import annotations

import numpy as np

from tsreward.errors import DataError, ShapeError


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that an anomaly [N] scores above a normal step, ties counting half (Mann-Whitney).

    Raises:
        DataError: only one class, or scores that are not finite.

    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    labels, scores = _checked(labels, scores)
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return Σ (R_n − R_{n−1}) P_n over distinct thresholds, the area under the precision-recall steps.

    Raises:
        DataError: only one class, or scores that are not finite.

    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    labels, scores = _checked(labels, scores)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(labels[order])[ends]
    precision, recall = hits / (ends + 1), hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ShapeError(
            f"A metric expects labels [N] and scores [N], got {list(labels.shape)} and {list(scores.shape)}."
        )
    for name, values in (("labels", labels), ("scores", scores)):
        if not np.isfinite(values).all():
            raise DataError(f"A metric got NaN or inf among the {name}: score clean data only.")
    labels = labels > 0
    if labels.all() or not labels.any():
        which = "anomalous" if labels.any() else "normal"
        raise DataError(f"A metric needs both classes, but all {len(labels)} labels are {which}.")
    return labels, scores
