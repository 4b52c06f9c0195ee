"""Frame-level ROC areas over several videos, as video anomaly detection reports them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.detection.metrics.ranking import roc_auc
from tsreward.errors import DataError


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
