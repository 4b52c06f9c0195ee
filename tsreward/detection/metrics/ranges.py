"""Range-based and event-wise precision and recall."""

from __future__ import annotations

import numpy as np

from tsreward.detection.metrics.labels import any_within, checked_predictions, f_measure, segments, sums_within
from tsreward.errors import OptionError, unknown_name

BIASES = ("flat", "front", "back", "middle")
CARDINALITIES = ("one", "reciprocal")


def range_recall(
    labels: np.ndarray, predictions: np.ndarray, alpha: float = 0.0, bias: str = "flat", cardinality: str = "one"
) -> float:
    """Return the mean over anomalous ranges of α · existence + (1 − α) · cardinality · overlap (equations 4 to 7).

    Args:
        labels: [T], anomalous where > 0.
        predictions: [T] of bool.
        alpha: weight of existence, whether the range has any predicted row; the rest weighs the predicted fraction.
        bias: rows of a range that weigh more: "flat" (none), "front", "back" or "middle".
        cardinality: factor for a range met by x predicted runs: "one" (1) or "reciprocal" (1 / x). TSB-AD takes
            "reciprocal", and alpha = 0.2.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: no anomalous label, or predictions other than bool, 0 and 1.
        OptionError: alpha outside [0, 1], or an unknown bias or cardinality.

    >>> range_recall(np.array([1, 1, 1, 1, 0]), np.array([True, False, True, False, True]), cardinality="reciprocal")
    0.25
    """
    labels, predictions = checked_predictions(labels, predictions)
    return _covered(labels, predictions, alpha, bias, cardinality)


def range_precision(labels: np.ndarray, predictions: np.ndarray, bias: str = "flat", cardinality: str = "one") -> float:
    """Return the mean over predicted ranges of cardinality · overlap with the anomalous ones; 0 without predictions.

    Arguments and errors as in `range_recall` (equations 8 and 9 of the paper; existence has no place in precision).

    >>> range_precision(np.array([1, 1, 0, 0, 0]), np.array([False, True, True, False, True]))
    0.25
    """
    labels, predictions = checked_predictions(labels, predictions)
    return _covered(predictions, labels, 0.0, bias, cardinality)


def range_f1(
    labels: np.ndarray, predictions: np.ndarray, alpha: float = 0.0, bias: str = "flat", cardinality: str = "one"
) -> float:
    """Return the harmonic mean of `range_precision` and `range_recall`; arguments and errors as there.

    >>> round(range_f1(np.array([1, 1, 0, 0, 0]), np.array([False, True, True, False, True])), 4)
    0.3333
    """
    labels, predictions = checked_predictions(labels, predictions)
    found = _covered(labels, predictions, alpha, bias, cardinality)
    return f_measure(_covered(predictions, labels, 0.0, bias, cardinality), found)


def _covered(ranges: np.ndarray, cover: np.ndarray, alpha: float, bias: str, cardinality: str) -> float:
    """Return how well, on average, the runs of `ranges` [T] bool are covered by the runs of `cover` [T] bool."""
    if not 0 <= alpha <= 1:
        raise OptionError(f"Range recall expects an existence weight alpha between 0 and 1, got {alpha}.")
    if bias not in BIASES:
        raise unknown_name("bias", bias, BIASES)
    if cardinality not in CARDINALITIES:
        raise unknown_name("cardinality", cardinality, CARDINALITIES)
    starts, stops = segments(ranges)
    if len(starts) == 0:
        return 0.0
    weights = np.zeros(len(ranges), np.int64)
    weights[ranges] = _weights(stops - starts, bias)
    overlap = sums_within(weights * cover, starts, stops) / sums_within(weights, starts, stops)
    begins = cover & ~np.concatenate([[False], cover[:-1]])
    pieces = sums_within(begins, starts, stops) + (cover & ~begins)[starts]  # a run that came in from before counts too
    factor = 1 / np.maximum(pieces, 1) if cardinality == "reciprocal" else 1.0
    return float(np.mean(alpha * (pieces > 0) + (1 - alpha) * factor * overlap))


def _weights(lengths: np.ndarray, bias: str) -> np.ndarray:
    """Return the weights of the rows of all ranges, one range after the other (figure 2 of the paper)."""
    length = np.repeat(lengths, lengths)
    position = np.arange(1, len(length) + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if bias == "flat":
        return np.ones(len(length), np.int64)
    if bias == "front":
        return length - position + 1
    return position if bias == "back" else np.minimum(position, length - position + 1)


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
    """Return the fraction of events that are found. Arguments and errors as in `event_precision`.

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
