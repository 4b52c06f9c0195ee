"""Rank metrics: how well scores sort anomalous rows above normal ones, in a series or over several videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.detection.metrics.labels import checked_scores
from tsreward.errors import DataError


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


def micro_auc(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> float:
    """Return the ROC area over the frames of all videos together; labels and scores are [T] per video.

    Raises:
        ShapeError, DataError: as for `roc_auc`; or no videos, or not as many scores as labels.

    >>> micro_auc([np.array([0, 0]), np.array([1, 1])], [np.array([0.1, 0.6]), np.array([0.5, 0.9])])
    0.75
    """
    _check(labels, scores)
    return roc_auc(np.concatenate(labels), np.concatenate(scores))


def macro_auc(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> float:
    """Return the mean over videos of the ROC area within each, scores in [0, 1].

    Every video gets two frames more, (label 0, score 0) and (label 1, score 1), so that one with a single class has an
    area too (the rule of Ristea et al. 2024, arXiv 2306.12041). That area is close to 1 whatever the scorer: over
    videos of one class, `micro_auc` is the number that tells.

    Raises:
        ShapeError, DataError: as for `roc_auc`; or no videos, not as many scores as labels, or scores outside [0, 1].

    >>> macro_auc([np.array([0, 0]), np.array([1, 1])], [np.array([0.1, 0.6]), np.array([0.5, 0.9])])
    1.0
    """
    _check(labels, scores)
    for index, values in enumerate(scores):
        if len(values) and (np.min(values) < 0 or np.max(values) > 1):
            raise DataError(
                f"macro_auc adds a frame of score 0 and one of score 1, but video {index} has scores from "
                f"{np.min(values):g} to {np.max(values):g}: map them to [0, 1] first, for all videos alike."
            )
    areas = [
        roc_auc(np.concatenate([[0, 1], truth]), np.concatenate([[0.0, 1.0], values]))
        for truth, values in zip(labels, scores, strict=True)
    ]
    return float(np.mean(areas))


def _check(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> None:
    if not labels or len(labels) != len(scores):
        raise DataError(f"ROC areas of videos need labels and scores of each, got {len(labels)} and {len(scores)}.")
