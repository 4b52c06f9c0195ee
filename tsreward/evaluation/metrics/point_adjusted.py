"""Point adjustment: one predicted row of an event counts as all its rows. Flattering; kept to compare with papers."""

from __future__ import annotations

import numpy as np

from tsreward.evaluation.metrics.checks import checked_predictions, checked_scores
from tsreward.evaluation.metrics.pointwise import f1, oracle_f1
from tsreward.evaluation.metrics.segments import any_within, segments


def point_adjusted_f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return F1 after every event with a predicted row is predicted entirely (Xu et al., WWW 2018).

    To be read only beside the same figure for random scores, which is often as high (Kim et al., AAAI 2022).

    Args:
        labels: [T], anomalous where > 0.
        predictions: [T] of bool.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: no anomalous label, or predictions other than bool, 0 and 1.

    >>> point_adjusted_f1(np.array([0, 1, 1, 1, 0]), np.array([False, False, True, False, False]))
    1.0
    """
    labels, predictions = checked_predictions(labels, predictions)
    starts, stops = segments(labels)
    adjusted = predictions.copy()
    adjusted[labels] = np.repeat(any_within(predictions, starts, stops), stops - starts)
    return f1(labels, adjusted)


def oracle_point_adjusted_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the best point-adjusted F1 over all thresholds: an oracle, and the figure of many papers.

    To be read only beside the same figure for random scores, which reach .9 on common benchmarks.

    Raises:
        ShapeError: not labels [T] and scores [T].
        DataError: only one class, or scores that are not finite.

    >>> oracle_point_adjusted_f1(np.array([0, 1, 1, 1, 0]), np.array([0.5, 0.1, 0.9, 0.2, 0.3]))
    1.0
    """
    labels, scores = checked_scores(labels, scores)
    starts, stops = segments(labels)
    lengths = stops - starts
    # Adjusted at any threshold, the rows of an event are flagged as soon as its highest score is.
    adjusted = scores.copy()
    adjusted[labels] = np.repeat(np.maximum.reduceat(scores[labels], np.cumsum(lengths) - lengths), lengths)
    return oracle_f1(labels, adjusted)
