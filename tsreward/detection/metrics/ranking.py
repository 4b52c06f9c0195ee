"""Rank metrics: how well scores sort anomalous rows above normal ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsreward.detection.metrics.labels import checked_scores


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that an anomaly [T] scores above a normal row, ties counting half (Mann-Whitney).

    Raises:
        ShapeError: not labels [T] and scores [T].
        DataError: only one class, or scores that are not finite.

    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    labels, scores = checked_scores(labels, scores)
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return Σ (R_n − R_{n−1}) P_n over distinct thresholds, the area under the precision-recall steps.

    Raises:
        ShapeError: not labels [T] and scores [T].
        DataError: only one class, or scores that are not finite.

    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    labels, scores = checked_scores(labels, scores)
    hits, flagged = counts_at_thresholds(labels, scores)
    precision, recall = hits / flagged, hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def counts_at_thresholds(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many anomalous rows, and how many rows, score at least each distinct score, from the largest down.

    >>> counts_at_thresholds(np.array([True, False, True]), np.array([2.0, 1.0, 1.0]))
    (array([1, 2]), array([1, 3]))
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return np.cumsum(labels[order])[ends], ends + 1


@dataclass(frozen=True)
class LabelAgreement:
    """How well scores tell anomalous from normal steps."""

    roc: float
    """Area under the ROC: the chance that an anomalous step scores above a normal one."""
    average_precision: float
    steps: int
    anomalous: int


def label_agreement(labels: np.ndarray, scores: np.ndarray) -> LabelAgreement:
    """Compare scores [N] with labels [N], above 0 anomalous.

    Raises:
        DataError: only one class, or NaN or inf.
        ShapeError: different lengths.
    """
    anomalous = int(np.count_nonzero(np.asarray(labels) > 0))
    return LabelAgreement(roc_auc(labels, scores), average_precision(labels, scores), len(scores), anomalous)
