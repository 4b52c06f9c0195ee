"""Point-wise and point-adjusted F1."""

from __future__ import annotations

import numpy as np

from tsreward.detection.metrics.labels import any_within, checked_predictions, checked_scores, segments
from tsreward.detection.metrics.ranking import counts_at_thresholds


def precision(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the fraction of predicted rows that are anomalous; 0 where nothing is predicted.

    Args:
        labels: [T], anomalous where > 0.
        predictions: [T] of bool.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: no anomalous label, or predictions other than bool, 0 and 1.

    >>> precision(np.array([0, 1, 1, 0]), np.array([True, True, False, False]))
    0.5
    """
    labels, predictions = checked_predictions(labels, predictions)
    return float((labels & predictions).sum() / max(predictions.sum(), 1))


def recall(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the fraction of anomalous rows that are predicted. Arguments and errors as in `precision`.

    >>> recall(np.array([0, 1, 1, 0]), np.array([True, True, False, False]))
    0.5
    """
    labels, predictions = checked_predictions(labels, predictions)
    return float((labels & predictions).sum() / labels.sum())


def f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the harmonic mean of `precision` and `recall`. Arguments and errors as in `precision`.

    >>> f1(np.array([0, 1, 1, 0]), np.array([False, True, False, False])) == 2 / 3
    True
    """
    labels, predictions = checked_predictions(labels, predictions)
    return float(2 * (labels & predictions).sum() / (labels.sum() + predictions.sum()))


def oracle_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the best F1 over all thresholds: an oracle, since the labels choose the threshold.

    No detector without labels reaches it but by luck: show it beside the F1 of a threshold from training data.

    Raises:
        ShapeError: not labels [T] and scores [T].
        DataError: only one class, or scores that are not finite.

    >>> oracle_f1(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.3, 0.4]))
    0.8
    """
    labels, scores = checked_scores(labels, scores)
    hits, flagged = counts_at_thresholds(labels, scores)
    return float(np.max(2 * hits / (labels.sum() + flagged)))


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
