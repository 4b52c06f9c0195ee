"""Incidents: what a person on call is told of, made of the scores of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsreward.detection.metrics.labels import any_within, segments
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.options import Options, option

Level = float | np.ndarray
"""A threshold: one number, or one for each row [T]."""


@dataclass(frozen=True)
class IncidentOptions(Options):
    """What makes an incident of rows whose score passes a threshold."""

    hold: float = option(5.0, low=1.0)
    """An incident lasts while the score passes the lower threshold, which flags this many times as many normal rows as
    the upper one, with which it begins; at 1 there is one threshold."""
    min_rows: int = 1
    """Incidents that last for fewer rows are left out."""
    merge_rows: int = option(10, low=0)
    """Incidents with at most this many rows between them are one."""

    def low_rate(self, false_alarm_rate: float) -> float:
        """Return the false-alarm rate of the lower threshold, a half at most.

        >>> IncidentOptions(hold=5.0).low_rate(0.01)
        0.05
        """
        return max(false_alarm_rate, min(0.5, self.hold * false_alarm_rate))


@dataclass(frozen=True)
class Incident:
    """Rows from `start` up to but without `stop`."""

    start: int
    stop: int
    peak: float
    """Highest score."""
    row: int
    """Where it is."""
    severity: float
    """See `severities`."""
    p_value: float
    """Conformal p-value of the incident among what normal rows bring about: see `p_values`."""
    known: bool = False
    """Whether it overlaps an incident that was known before."""

    @property
    def rows(self) -> int:
        """How long it lasts."""
        return self.stop - self.start


def excursions(
    scores: np.ndarray, low: Level, merge_rows: int = 0, starts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts [n] and stops [n] (one past the last row) of the runs of scores [T] above a threshold.

    Args:
        scores: [T].
        low: the threshold, a number or [T].
        merge_rows: runs with at most this many rows between them are one.
        starts: [T] bool, rows behind a gap, which no run goes across.

    Raises:
        ShapeError: arrays of different lengths.

    >>> excursions(np.array([0.0, 2.0, 0.0, 2.0, 0.0, 0.0, 2.0]), low=1.0, merge_rows=1)
    (array([1, 6]), array([4, 7]))
    """
    scores = np.asarray(scores, dtype=np.float64)
    for name, one in (("threshold", low), ("starts", starts)):
        if one is not None and np.ndim(one) and np.shape(one) != scores.shape:
            raise ShapeError(f"Incidents of scores {list(scores.shape)} need as many in {name}, got {np.shape(one)}.")
    above = scores > low
    if starts is None:
        begins, ends = segments(above)
        part = np.zeros(len(scores), dtype=np.int64)
    else:
        part = np.cumsum(np.asarray(starts, dtype=bool))
        new = np.diff(part, prepend=-1) != 0
        begins = np.flatnonzero(above & (new | ~np.append(False, above[:-1])))
        ends = np.flatnonzero(above & np.append(new[1:] | ~above[1:], True)) + 1
    if len(begins) == 0:
        return begins, ends
    apart = (begins[1:] - ends[:-1] > merge_rows) | (part[begins[1:]] != part[ends[:-1] - 1])
    return begins[np.append(True, apart)], ends[np.append(apart, True)]


def find_incidents(
    scores: np.ndarray,
    high: Level,
    low: Level | None = None,
    options: IncidentOptions = IncidentOptions(),
    starts: np.ndarray | None = None,
    normal: np.ndarray | None = None,
) -> list[Incident]:
    """Return the incidents in scores [T], in order: runs above `low`, joined, some row of which passes `high`.

    With two thresholds a score that wavers about one of them is one incident and not many (hysteresis).

    Args:
        scores: [T], finite.
        high: threshold that an incident passes somewhere, a number or [T].
        low: threshold that it stays above, but for `options.merge_rows` rows; None is `high`.
        options: how rows are joined.
        starts: [T] bool, rows behind a gap, which no incident goes across.
        normal: [N] held-out scores of normal rows, in their order, for the p-values; without any they are 1.

    Raises:
        ShapeError: arrays of different lengths.
        DataError: NaN or inf among the scores, or a lower threshold above the upper one.

    >>> scores = np.array([0.0, 1.5, 3.0, 1.5, 0.5, 1.5, 0.0, 0.0])
    >>> [(one.start, one.stop, one.row) for one in find_incidents(scores, high=2.0, low=1.0)]
    [(1, 6, 2)]
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise DataError(f"Incidents need finite scores [T], got {list(scores.shape)} with NaN or inf or of other axes.")
    low = high if low is None else low
    if np.any(np.asarray(low) > np.asarray(high)):
        raise DataError("The lower threshold of incidents must not be above the upper one.")
    begins, ends = excursions(scores, low, options.merge_rows, starts)
    keep = any_within(scores > high, begins, ends) & (ends - begins >= options.min_rows)
    begins, ends = begins[keep], ends[keep]
    if not len(begins):
        return []
    unit, floor = _unit(high, low, normal), _number(low)
    severe = severities(scores, begins, ends, floor, unit)
    p = np.ones(len(begins))
    if normal is not None and len(normal):
        p = p_values(severe, swings(normal, floor, unit, options.merge_rows))
    rows = [int(start + scores[start:stop].argmax()) for start, stop in zip(begins, ends, strict=True)]
    return [
        Incident(int(start), int(stop), float(scores[row]), row, float(severity), float(value))
        for start, stop, row, severity, value in zip(begins, ends, rows, severe, p, strict=True)
    ]


def severities(scores: np.ndarray, begins: np.ndarray, ends: np.ndarray, low: float, unit: float) -> np.ndarray:
    """Return Σ log(1 + (score − low)⁺ / unit) over the rows of each run [n]: how far above, and for how long.

    The logarithm keeps one wild row from outweighing an hour of trouble.

    >>> severities(np.array([1.0, 3.0, 3.0, 1.0]), np.array([1]), np.array([3]), low=1.0, unit=2.0).round(3)
    array([1.386])
    """
    above = np.log1p(np.maximum(scores - low, 0.0) / unit)
    # Each sum is taken alone: a difference of running totals would depend on the rows before.
    return np.array([above[start:stop].sum() for start, stop in zip(begins, ends, strict=True)], dtype=np.float64)


def swings(normal: np.ndarray, low: float, unit: float, merge_rows: int = 0) -> np.ndarray:
    """Return the severities [N] of all swings of held-out normal scores [T], most of which stay below the threshold.

    A swing is a run above the upper quartile of the scores (or the threshold, if that is lower), joined as incidents
    are: every incident lies within one.

    >>> swings(np.array([0.0, 1.0, 0.0, 3.0, 3.0, 0.0, 0.0, 0.0]), low=2.0, unit=1.0).round(3)
    array([1.386])
    """
    normal = np.asarray(normal, dtype=np.float64)
    level = min(low, float(np.quantile(normal, 0.75, method="lower")))
    return severities(normal, *excursions(normal, level, merge_rows), low, unit)


def p_values(severe: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return the conformal p-value (1 + #{normal ≥ s}) / (N + 1) of each incident's severity [n] (Vovk et al. 2005).

    Args:
        severe: [n] severities of incidents.
        normal: [N] severities of the swings of held-out normal scores (`swings`): one that comes about on normal rows
            is as severe as this incident with probability p at most.

    >>> p_values(np.array([0.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.25])
    """
    ordered = np.sort(normal)
    return (len(ordered) - np.searchsorted(ordered, severe, side="left") + 1) / (len(ordered) + 1)


def rate_threshold(
    normal: np.ndarray,
    low: float,
    per_day: float,
    rows_per_day: float,
    options: IncidentOptions = IncidentOptions(),
) -> float:
    """Return the lowest upper threshold with which normal rows bring about at most so many incidents a day.

    The incidents of a lower threshold are those of its runs whose peak passes the upper one, so that the number falls
    as the upper threshold rises. One more than were seen is counted, as in a conformal p-value. Where the held-out rows
    are too short for the rate, it is their highest peak.

    Args:
        normal: [N] held-out scores of normal rows, in their order.
        low: lower threshold.
        per_day: incidents a day, above 0.
        rows_per_day: rows in a day.
        options: how rows are joined.

    Raises:
        OptionError: a rate or a number of rows that is not above 0.
        DataError: no scores.

    >>> scores = np.tile([0.0, 1.0, 0.0, 2.0, 0.0, 3.0], 4)
    >>> rate_threshold(scores, 0.5, per_day=4, rows_per_day=12, options=IncidentOptions(merge_rows=0))
    2.0
    """
    normal = np.asarray(normal, dtype=np.float64)
    if not (math.isfinite(per_day) and per_day > 0 and math.isfinite(rows_per_day) and rows_per_day > 0):
        raise OptionError(f"Incidents and rows a day must be above 0, got {per_day} and {rows_per_day}.")
    if not len(normal):
        raise DataError("A threshold by incidents a day needs held-out scores of normal rows, got none.")
    begins, ends = excursions(normal, low, options.merge_rows)
    long = ends - begins >= options.min_rows
    bounds = zip(begins[long], ends[long], strict=True)
    peaks = np.sort(np.array([normal[start:stop].max() for start, stop in bounds]))[::-1]
    allowed = max(0, math.floor(per_day * len(normal) / rows_per_day + 1e-9) - 1)
    return float(max(low, peaks[allowed])) if allowed < len(peaks) else float(low)


def most_similar(signatures: np.ndarray, count: int = 3, least: float = 0.5) -> list[list[tuple[int, float]]]:
    """Return for each incident the earlier ones that look like it, the most similar first: (number, similarity).

    Args:
        signatures: [n, D] of the incidents in order, what each channel has to do with it; the sign may tell the side.
        count: earlier incidents at most.
        least: cosine similarity below which two are not similar.

    >>> most_similar(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]]))
    [[], [], [(0, 0.9987...)]]
    """
    signatures = np.asarray(signatures, dtype=np.float64)
    norms = np.linalg.norm(signatures, axis=1, keepdims=True)
    unit = signatures / np.where(norms > 0, norms, 1.0)
    found = []
    for place in range(len(unit)):
        alike = unit[:place] @ unit[place]
        best = np.argsort(-alike, kind="stable")[:count]
        found.append([(int(one), float(alike[one])) for one in best if alike[one] >= least])
    return found


def mark_known(incidents: Sequence[Incident], rows: np.ndarray) -> list[Incident]:
    """Return the incidents, known where they overlap rows [T] bool that a list of known incidents names.

    >>> mark_known([Incident(2, 4, 1.0, 2, 1.0, 1.0)], np.array([False, False, False, True]))[0].known
    True
    """
    bounds = np.array([(one.start, one.stop) for one in incidents], dtype=np.int64).reshape(-1, 2).T
    known = any_within(np.asarray(rows, dtype=bool), *bounds)
    return [replace(one, known=bool(value)) for one, value in zip(incidents, known, strict=True)]


def _number(level: Level) -> float:
    """Return one number for a threshold; one that moves stands by its median."""
    finite = np.asarray(level, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if finite.size else 0.0


def _unit(high: Level, low: Level, normal: np.ndarray | None) -> float:
    """Return how far above a threshold counts as one."""
    apart = _number(high) - _number(low)
    if normal is not None and len(normal):
        apart = max(apart, float(_number(high) - np.median(normal)))
    return apart if apart > 0 else max(abs(_number(high)), 1e-12)
