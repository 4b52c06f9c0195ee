"""`IncidentStream`: the scores and incidents of a log that comes in parts, bit-identical however it is cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.detection.adaptive import AdaptiveOptions, AdaptiveThreshold
from tsreward.detection.alarms import Alarm
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.logs import LogDetector, run_lengths
from tsreward.detection.incidents import (
    Incident,
    IncidentOptions,
    excursions,
    p_values,
    rate_threshold,
    severities,
    swings,
)
from tsreward.detection.questions import leaned
from tsreward.detection.telling import Teller
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import CheckpointError, DataError, NotFittedError, OptionError, ShapeError
from tsreward.sequences.columns import Columns
from tsreward.sequences.series import Series

LONGEST = 20_000
"""Rows after which an incident that goes on is told, and a new one begins."""
_VERSION = 1


@dataclass(frozen=True)
class Part:
    """What became of the rows of one `push`."""

    scores: np.ndarray
    """[T]."""
    high: np.ndarray
    """[T] threshold of each row."""
    alarms: list[Alarm]
    """Incidents that ended, also such as began in rows before."""


class IncidentStream:
    """Scores, thresholds and incidents of the rows of one log, which come in parts.

    `push` gives what the rows bring, `finish` the incidents that go on at the end, without changing anything. Cut
    anywhere, with `state` kept in between and given to `load`, the results are bit-identical on CPU.

    Args:
        detector: fitted, with a false-alarm rate; its scores must look at no later rows.
        options: what an incident is.
        per_day: incidents a day at most, on normal rows: this takes the place of the detector's rate; None keeps it.
        rows_per_day: rows in a day, for `per_day`.
        adaptive: how thresholds follow the scores; None keeps those of the held-out rows.

    Raises:
        NotFittedError: the detector is not fitted, or has no held-out scores.
        OptionError: its scores look ahead, or a rate a day without the number of rows.

    >>> from tsreward.detection.detectors.presets import make_detector
    >>> rows = np.random.default_rng(0).normal(size=(3000, 2))
    >>> rows[2500:2530, 1] += 30
    >>> stream = IncidentStream(make_detector("mahalanobis", smoothing=10).fit(rows[:2000]))
    >>> alarms = stream.push(Series(rows[2000:2600])).alarms + stream.push(Series(rows[2600:])).alarms
    >>> [(one.incident.start, one.channels[0].name) for one in alarms if one.incident.p_value < 0.2]
    [(500, '1')]
    """

    def __init__(
        self,
        detector: Detector,
        options: IncidentOptions = IncidentOptions(),  # noqa: B008 - frozen
        per_day: float | None = None,
        rows_per_day: float | None = None,
        adaptive: AdaptiveOptions | None = None,
    ) -> None:
        rate = detector.false_alarm_rate
        if detector.n_features_in_ is None or rate is None or not len(detector.held_out_scores_):
            raise NotFittedError(f"{detector.title} has no held-out scores: fit it with a false-alarm rate first.")
        if detector.reach is None or detector.reach[1] or not detector.causal:
            raise OptionError(
                f"{detector.title} looks at later rows, which a stream of rows does not have: take a causal detector."
            )
        self.detector, self.options, self._back = detector, options, detector.reach[0]
        normal = self._normal = detector.held_out_scores_
        rule = THRESHOLDS[detector.threshold]
        self.low = float(rule(normal, options.low_rate(rate)))
        if per_day is not None:
            if rows_per_day is None:
                raise OptionError("Incidents a day need the number of rows in a day, which the time stamps tell.")
            self.high = rate_threshold(normal, self.low, per_day, rows_per_day, options)
            rate = min(rate, max(float((normal > self.high).mean()), 1 / (len(normal) + 1)))
        else:
            self.high = max(self.low, float(rule(normal, rate)))
        self.rate = rate
        """Fraction of normal rows that may pass the threshold."""
        self._unit = max(self.high - self.low, self.high - float(np.median(normal)), 1e-12)
        self._severe = swings(normal, self.low, self._unit, options.merge_rows)
        self._adaptive = None if adaptive is None else AdaptiveThreshold(normal, rate, options.hold, adaptive)
        dim = detector.n_features_in_
        self._values, self._index = np.zeros((0, dim)), None
        self._starts, self._stuck = np.zeros(0, dtype=bool), np.zeros((0, dim), dtype=bool)
        self._levels = np.zeros((3, 0))
        """[3, T]: scores, upper and lower thresholds of the rows that are kept."""
        self._first = 0
        """Number of the first row that is kept."""
        self._done = {"score": 0, "stuck": 0}
        """Row before which all incidents of a kind have ended."""
        self._lengths: np.ndarray | None = None
        self._teller = Teller(detector)

    @property
    def rows(self) -> int:
        """Rows that have come."""
        return self._first + len(self._values)

    @property
    def last(self) -> Any:
        """Time of the last row; None before there was one, and where there is no time."""
        return None if self._index is None or not len(self._index) else self._index[-1]

    def push(self, series: Series, leaning: np.ndarray | None = None) -> Part:
        """Return what the next rows bring.

        Args:
            series: the rows.
            leaning: [T], what answers say of these rows (`questions.lean`). It changes their scores, but not the
                thresholds, which follow the scores as they were: rows that were answered are on the side of the
                threshold that the answer says.

        Raises:
            ShapeError, DataError: rows that the detector cannot score, or with a time where others had none; nothing
                has changed then.
        """
        index = self._index_of(series)
        names = self.detector.feature_names_in_
        series = series.in_order(None if names is None else Columns(tuple(names)), self.detector.title)
        if series.dim != self._values.shape[1]:
            raise ShapeError(
                f"{self.detector.title} has {self._values.shape[1]} columns, '{series.name}' {series.dim}."
            )
        kept, before = len(self._values), (self._values, self._starts, self._index)
        starts = np.zeros(len(series), dtype=bool) if series.starts is None else np.asarray(series.starts, dtype=bool)
        self._values = np.concatenate([self._values, series.values])
        self._starts = np.concatenate([self._starts, starts])
        if index is not None:
            self._index = index if self._index is None else np.concatenate([self._index, index])
        try:
            scores = self.detector.decision_function(self._series(max(0, kept - self._back), None, series.name))
        except Exception:
            self._values, self._starts, self._index = before
            raise
        scores = np.asarray(scores)[min(kept, self._back) :]
        if self._adaptive is None:
            high, low = np.full(len(scores), self.high), np.full(len(scores), self.low)
        else:
            high, low = self._adaptive.push(scores)
        if leaning is not None:
            scores = leaned(scores, leaning, self._normal)
            scores = np.where(leaning == -1, np.minimum(scores, low), scores)
            above = np.nextafter(np.where(np.isfinite(high), high, scores), np.inf)
            scores = np.where(leaning == 1, np.maximum(scores, above), scores)
        self._levels = np.concatenate([self._levels, np.stack([scores, high, low])], axis=1)
        stuck = np.zeros(series.values.shape, dtype=bool)
        if isinstance(self.detector, LogDetector):
            before = None if self._lengths is None else self._values[kept - 1]
            lengths = run_lengths(series.values, self._lengths, before)
            stuck, self._lengths = self.detector.stuck(lengths), lengths[-1]
        self._stuck = np.concatenate([self._stuck, stuck])
        alarms = self._ended(final=False)
        self._forget()
        return Part(scores, high, alarms)

    def later(self, series: Series) -> Series | None:
        """Return the rows after the last one that came, None where there is none; without a time all of them.

        Raises:
            DataError: a time where others had none, or of another kind.
        """
        index, last = self._index_of(series), self.last
        if last is None or index is None:
            return series
        late = index > last
        return series.rows(int(np.argmax(late)), len(series)) if late.any() else None

    def finish(self) -> list[Alarm]:
        """Return the incidents that still go on at the end; more rows may come all the same."""
        before = self._done.copy(), self._teller.number, self._teller.signatures
        found = self._ended(final=True)
        self._done, self._teller.number, self._teller.signatures = before
        return found

    def state(self) -> dict[str, Any]:
        """Return what comes of the next rows depends on, as arrays and plain values."""
        arrays = {
            "values": self._values,
            "starts": self._starts,
            "stuck": self._stuck,
            "levels": self._levels,
            "signatures": self._teller.signatures,
        }
        if self._index is not None:
            times = self._index.dtype.kind == "M"
            arrays["index"] = self._index.astype("datetime64[ns]").astype(np.int64) if times else self._index
        if self._lengths is not None:
            arrays["lengths"] = self._lengths
        if self._adaptive is not None:
            arrays |= {f"adaptive.{name}": value for name, value in self._adaptive.state().items()}
        kind = None if self._index is None else str(self._index.dtype)
        values = {"version": _VERSION, "first": self._first, "done": self._done.copy(), "number": self._teller.number}
        return {**values, "time": kind, "arrays": arrays}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave, of a stream with the same detector and options.

        Raises:
            CheckpointError: another version, or the state of another stream.
        """
        if state.get("version") != _VERSION:
            raise CheckpointError(f"The state has version {state.get('version')}, and this tsreward reads {_VERSION}.")
        arrays = {name: np.asarray(value) for name, value in state["arrays"].items()}
        adaptive = {name.removeprefix("adaptive."): arrays[name] for name in arrays if name.startswith("adaptive.")}
        if arrays["values"].shape[1:] != self._values.shape[1:] or bool(adaptive) != (self._adaptive is not None):
            raise CheckpointError("The state is of another detector or of other options: begin with a new one.")
        self._values, self._starts, self._stuck = arrays["values"], arrays["starts"], arrays["stuck"]
        self._levels, self._teller.signatures = arrays["levels"], arrays["signatures"]
        self._lengths = arrays.get("lengths")
        self._first, self._teller.number = int(state["first"]), int(state["number"])
        self._done = {kind: int(row) for kind, row in state["done"].items()}
        self._index = arrays.get("index")
        if self._index is not None and str(state["time"]).startswith("datetime64"):
            self._index = self._index.astype("datetime64[ns]").astype(state["time"])
        if self._adaptive is not None:
            self._adaptive.load(adaptive)

    def _index_of(self, series: Series) -> np.ndarray | None:
        index = None if series.index is None else np.asarray(series.index)
        if self.rows and (index is None) != (self._index is None):
            raise DataError(f"'{series.name}' has {'no' if index is None else 'a'} time, unlike the rows before it.")
        if index is not None and self._index is not None:
            kinds = ["text" if one.dtype.kind == "M" else "numbers" for one in (index, self._index)]
            if kinds[0] != kinds[1]:
                raise DataError(f"'{series.name}' has times that are {kinds[0]}, and {kinds[1]} in the rows before it.")
        return index

    def _series(self, start: int, stop: int | None, name: str = "series") -> Series:
        """Return rows that are kept, counted from the first of them."""
        part = slice(start, stop)
        index = None if self._index is None else self._index[part]
        names = self.detector.feature_names_in_
        columns = () if names is None else tuple(names)
        return Series(self._values[part], None, name, columns, index, self._starts[part])

    def _ended(self, final: bool) -> list[Alarm]:
        """Return the incidents that end within the rows that are kept, and remember that they did."""
        found: list[tuple[str, Incident]] = []
        scores, high, low = self._levels
        for kind in self._done:
            while True:
                begin = self._done[kind] - self._first
                floor: float | np.ndarray
                if kind == "score":
                    level, floor, merge = scores[begin:], np.asarray(low[begin:]), self.options.merge_rows
                else:
                    level, floor, merge = np.asarray(self._stuck[begin:].any(1), dtype=np.float64), 0.5, 0
                begins, ends = excursions(level, floor, merge, self._starts[begin:])
                if not len(begins):
                    self._done[kind] = self.rows
                    break
                start, stop = int(begins[0]) + begin, int(ends[0]) + begin
                later = self._starts[stop:].any() or len(self._values) - stop > merge
                if stop - start > LONGEST:  # told now, and what follows is another one
                    above = np.flatnonzero(level > floor) + begin
                    stop = int(above[above < start + LONGEST][-1]) + 1
                elif not (later or final):
                    self._done[kind] = start + self._first
                    break
                self._done[kind] = stop + self._first
                if (one := self._incident(kind, start, stop, scores, high)) is not None:
                    found.append((kind, one))
        found.sort(key=lambda pair: (pair[1].stop, pair[1].start))
        rows = self._series(0, None) if found else None
        return [self._teller.tell(kind, one, rows, self._stuck, self._first) for kind, one in found if rows is not None]

    def _incident(self, kind: str, start: int, stop: int, scores: np.ndarray, high: np.ndarray) -> Incident | None:
        part = scores[start:stop]
        row = start + int(part.argmax())
        bounds = (start + self._first, stop + self._first)
        if kind == "stuck":
            return Incident(*bounds, float(part.max()), row + self._first, float(np.log1p(stop - start)), float("nan"))
        if stop - start < self.options.min_rows or not (part > high[start:stop]).any():
            return None
        severity = severities(scores, np.array([start]), np.array([stop]), self.low, self._unit)
        p_value = float(p_values(severity, self._severe)[0])
        return Incident(*bounds, float(part.max()), row + self._first, float(severity[0]), p_value)

    def _forget(self) -> None:
        """Drop the rows that nothing depends on any more."""
        keep = min(min(self._done.values()), self.rows - 1) - self._back - 1
        drop = keep - self._first
        if drop <= 0:
            return
        self._first += drop
        self._values, self._starts, self._stuck = self._values[drop:], self._starts[drop:], self._stuck[drop:]
        self._levels = self._levels[:, drop:]
        self._index = None if self._index is None else self._index[drop:]
