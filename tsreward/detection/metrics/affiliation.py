"""Affiliation: how near predictions lie to events, against a random row of the event's zone (Huet et al., KDD 2022)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsreward.detection.metrics.labels import checked_predictions, f_measure, segments


class _Pieces(NamedTuple):
    """Predicted runs [n], cut at the borders of the zones."""

    zone: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class _Zones(NamedTuple):
    """Events [m] and the part of the time axis that is nearer to each than to any other."""

    left: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    right: np.ndarray


def affiliation_precision(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean over zones with predictions of P(a random point of the zone is no nearer to the event).

    The mean within a zone runs over all predicted points; time is continuous, and row t the interval [t, t + 1).
    Without any prediction the paper's value is undefined: 0 is returned. Random predictions get .5 to .7.

    Args:
        labels: [T], anomalous where > 0.
        predictions: [T] of bool.

    Raises:
        ShapeError: not two arrays [T] of one length.
        DataError: no anomalous label, or predictions other than bool, 0 and 1.

    >>> affiliation_precision(np.array([0, 0, 1, 0, 0]), np.array([False, False, True, False, False]))
    1.0
    """
    return _precision(*_layout(labels, predictions))


def affiliation_recall(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the mean over events of P(a random point of the zone is no nearer to the event's points than predictions).

    An event whose zone has no prediction counts 0. Arguments and errors as in `affiliation_precision`.

    >>> affiliation_recall(np.array([0, 1, 0, 0, 1, 0]), np.array([False, True, False, False, False, False]))
    0.5
    """
    return _recall(*_layout(labels, predictions))


def affiliation_f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Return the harmonic mean of both. Read it beside the value of random predictions.

    Arguments and errors as in `affiliation_precision`; 0 without any prediction.

    >>> affiliation_f1(np.array([0, 1, 0, 0, 1, 0]), np.array([False, True, False, False, False, False])) == 2 / 3
    True
    """
    zones, pieces = _layout(labels, predictions)
    return f_measure(_precision(zones, pieces), _recall(zones, pieces))


def _layout(labels: np.ndarray, predictions: np.ndarray) -> tuple[_Zones, _Pieces]:
    labels, predictions = checked_predictions(labels, predictions)
    starts, stops = segments(labels)
    borders = (stops[:-1] + starts[1:]) / 2
    zones = _Zones(np.append(0.0, borders), starts, stops, np.append(borders, float(len(labels))))
    begins, ends = segments(predictions)
    first = np.searchsorted(zones.right, begins, side="right")
    counts = np.searchsorted(zones.left, ends, side="left") - first  # zones that each run touches
    run = np.repeat(np.arange(len(begins)), counts)
    zone = first[run] + np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
    return zones, _Pieces(zone, np.maximum(begins[run], zones.left[zone]), np.minimum(ends[run], zones.right[zone]))


def _precision(zones: _Zones, pieces: _Pieces) -> float:
    if len(pieces.zone) == 0:
        return 0.0
    left, start, stop, right = (border[pieces.zone] for border in zones)
    before, after = start - left, right - stop  # room on both sides of the event
    # Points at distance d outside leave (before − d)⁺ + (after − d)⁺ of the zone at least as far from the event.
    near, far = start - np.minimum(pieces.stop, start), start - np.minimum(pieces.start, start)
    outside = _ramp(before, near, far) + _ramp(after, near, far)
    near, far = np.maximum(pieces.start, stop) - stop, np.maximum(pieces.stop, stop) - stop
    outside += _ramp(before, near, far) + _ramp(after, near, far)
    inside = np.maximum(np.minimum(pieces.stop, stop) - np.maximum(pieces.start, start), 0)
    points = inside + outside / (right - left)
    count = len(zones.start)
    length = np.bincount(pieces.zone, pieces.stop - pieces.start, minlength=count)
    return float(np.mean((np.bincount(pieces.zone, points, minlength=count)[length > 0]) / length[length > 0]))


def _recall(zones: _Zones, pieces: _Pieces) -> float:
    if len(pieces.zone) == 0:
        return 0.0
    left, start, stop, right = (border[pieces.zone] for border in zones)
    inside = np.maximum(np.minimum(pieces.stop, stop) - np.maximum(pieces.start, start), 0)
    # Every gap between two predictions is split in the middle: each half looks to its own side.
    new = np.append(True, pieces.zone[1:] != pieces.zone[:-1])
    last = np.append(new[1:], True)
    halfway = (pieces.stop[:-1] + pieces.start[1:]) / 2
    lower = np.where(new, start, np.append(0.0, halfway)).clip(start, stop)
    upper = np.where(last, stop, np.append(halfway, 0.0)).clip(start, stop)
    # A point y left of the prediction [p, q] at distance d = p − y leaves (2y − p − left)⁺ + (right − p) of the zone.
    until = np.minimum(pieces.start, stop).clip(lower)
    outside = (right - pieces.start) * (until - lower) + _half_ramp(
        2 * lower - pieces.start - left, 2 * until - pieces.start - left
    )
    since = np.maximum(pieces.stop, start).clip(None, upper)
    outside += (pieces.stop - left) * (upper - since) + _half_ramp(
        right + pieces.stop - 2 * upper, right + pieces.stop - 2 * since
    )
    points = inside + outside / (right - left)
    found = np.bincount(pieces.zone, points, minlength=len(zones.start))
    return float(np.mean(found / (zones.stop - zones.start)))


def _ramp(room: np.ndarray, near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Return ∫ (room − d)⁺ dd from near to far."""
    near, far = np.minimum(near, room), np.minimum(far, room)
    return (far - near) * (room - (far + near) / 2)


def _half_ramp(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return ∫ (2y)⁺ dy from low / 2 to high / 2."""
    return (np.maximum(high, 0) ** 2 - np.maximum(low, 0) ** 2) / 4
