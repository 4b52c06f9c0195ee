"""`LogDetector`: a detector of logs that knows of counters, of the time of day and week, and of stuck sensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tsreward.detection.detectors.base import DETECTOR_CLASSES, Detector
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series

Seasonal = Literal["auto", "day", "week", "none"]
HOURS = 168
"""Places of a week by the hour, from Thursday 00:00, as 1970 began."""
_KINDS = ("none", "day", "week")
_GAIN = 0.2
"""Fraction of a column's variance that its profile must explain on rows that it was not learned from."""
_PERIODS = {"day": 2 * 86_400, "week": 14 * 86_400}
"""Seconds of training at least."""
_RESETS = 0.001
_NORMAL = 2.33
"""Standard deviations between which 98 % of normally distributed values lie."""
_ROOM = 10


@DETECTOR_CLASSES.register("log")
class LogDetector(Detector):
    """Another detector, behind what logs of machines need.

    Columns that only rise in training (but for resets) are *counters*, of which the rise from row to row is seen. A
    column that follows the hour of the day or week is *seasonal*: its distance from the usual value of the hour is
    seen, in units of how far it usually is from that. What is *stuck* is not scored but marked, see `stuck`.

    Args:
        detector: what gives the scores; its own threshold is not used.
        seasonal: auto finds out on the last quarter of the training rows which columns are seasonal, and whether by day
            or by week; day and week say so of all columns; none leaves it out. It needs a time in the index.
        counters: whether counters are sought.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.

    >>> from tsreward.detection.detectors.presets import make_detector
    >>> rows = np.cumsum(np.random.default_rng(0).random((600, 1)), axis=0)
    >>> rows[500:] += 40
    >>> detector = LogDetector(make_detector("mahalanobis", smoothing=1)).fit(rows[:400])
    >>> detector.counters_, int(detector.decision_function(rows[400:]).argmax())
    (array([ True]), 100)
    """

    def __init__(
        self,
        detector: Detector,
        seasonal: Seasonal = "auto",
        counters: bool = True,
        *,
        false_alarm_rate: float | None = 0.01,
        threshold: str = "conformal",
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.detector = detector
        self.seasonal: Seasonal = seasonal
        self.counters = counters
        if not isinstance(detector, Detector):
            raise OptionError(f"LogDetector holds a detector, got {type(detector).__name__}.")
        self._require("seasonal", seasonal in ("auto", *_KINDS), "auto, day, week or none")

    @property
    def causal(self) -> bool:
        return self.detector.causal

    @property
    def reach(self) -> tuple[int, int] | None:
        found = self.detector.reach
        return None if found is None else (found[0] + 1, found[1])

    @property
    def season(self) -> str:
        """What was found: none, day or week."""
        return _KINDS[int(self.season_)]

    def allocate(self, dim: int) -> None:
        self.season_ = np.zeros((), dtype=np.int64)
        self.seasonal_, self.counters_ = np.zeros(dim, dtype=bool), np.zeros(dim, dtype=bool)
        self.profile_, self.spread_ = np.zeros((HOURS, dim)), np.ones((HOURS, dim))
        self.rises_, self.longest_ = np.zeros(dim), np.zeros(dim, dtype=np.int64)
        self.usual_ = np.zeros((2, dim))
        self.detector.allocate(dim)

    def state(self) -> dict[str, Tensor]:
        own = ("season", "seasonal", "counters", "profile", "spread", "rises", "longest", "usual")
        found = {name: torch.from_numpy(np.asarray(getattr(self, f"{name}_"))) for name in own}
        return found | {f"detector.{name}": value for name, value in self.detector.state().items()}

    def learn(self, series: Series) -> None:
        values, dim = series.values, series.dim
        self.season_ = np.zeros((), dtype=np.int64)
        self.seasonal_ = np.zeros(dim, dtype=bool)
        self.profile_, self.spread_ = np.zeros((HOURS, dim)), np.ones((HOURS, dim))
        self.longest_ = longest_runs(series)
        self.counters_ = _counters(series) if self.counters else np.zeros(dim, dtype=bool)
        rises = np.diff(values, axis=0)
        self.rises_ = np.median(rises, axis=0) if len(rises) else np.zeros(dim)
        self.usual_ = np.quantile(self._rates(series), (0.01, 0.99), axis=0)
        self._learn_season(series)
        self.detector.learn(self.prepared(series))

    def measure(self, series: Series) -> np.ndarray:
        return self.detector.scores(self.prepared(series))

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        usual = np.where(self.counters_, self.rises_, usual)
        return self.detector.attribute(self.prepared(series), np.where(self.seasonal_, 0.0, usual))

    def prepared(self, series: Series) -> Series:
        """Return the series as the detector inside sees it."""
        values = self._rates(series)
        if self.seasonal_.any():
            hours = hours_of(series)
            away = (values - self.profile_[hours]) / self.spread_[hours]
            values = np.where(self.seasonal_, away, values)
        return series if values is series.values else replace(series, values=values)

    def stuck(self, lengths: np.ndarray) -> np.ndarray:
        """Tell which sensors are stuck, [T, D] bool, by how often their value has come in a row (`run_lengths`).

        A sensor is stuck where its value repeats more than twice as long as it ever did in training, and for ten rows
        longer; one that hardly moved in training is never.
        """
        limit = np.where(
            self.longest_ > 0, np.maximum(2 * self.longest_, self.longest_ + _ROOM), np.iinfo(np.int64).max
        )
        return lengths > limit

    def usual(self, series: Series, row: int, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is told of a row: its values [D], of counters their rise; what is expected [D]; and between which
        bounds [2, D] 98 % of normal values lie, at this hour where a column is seasonal.

        Args:
            series: the rows up to this one and beyond.
            row: its place among them.
            expected: [D], of columns that are neither counters nor seasonal.
        """
        values = self._rates(series.rows(max(0, row - 1), row + 1))[-1]
        expected, bounds = np.where(self.counters_, self.rises_, expected), self.usual_
        if self.seasonal_.any():
            hour = hours_of(series.rows(row, row + 1))[0]
            mean, spread = self.profile_[hour], _NORMAL * self.spread_[hour]
            expected = np.where(self.seasonal_, mean, expected)
            bounds = np.where(self.seasonal_, [mean - spread, mean + spread], bounds)
        return values, expected, bounds

    def _rates(self, series: Series) -> np.ndarray:
        """Return the values, of counters how much they rose since the row before, or since 0 after a reset."""
        if not self.counters_.any():
            return series.values
        values = series.values.copy()
        counted = series.values[:, self.counters_]
        rises = np.diff(counted, axis=0)
        first = np.zeros(len(values), dtype=bool)
        first[0] = True
        if series.starts is not None:
            first |= series.starts
        rises = np.concatenate([np.zeros((1, counted.shape[1])), np.where(rises < 0, counted[1:], rises)])
        values[:, self.counters_] = np.where(first[:, None], self.rises_[self.counters_], rises)
        return values

    def _learn_season(self, series: Series) -> None:
        if self.seasonal == "none":
            return
        asked = self.seasonal != "auto"
        seconds = seconds_of(series)
        if seconds is None:
            if asked:
                raise DataError(
                    f"'{series.name}' has no time, which seasonal='{self.seasonal}' needs: name its column."
                )
            return
        span = float(seconds[-1] - seconds[0])
        kinds = [self.seasonal] if asked else [kind for kind, least in _PERIODS.items() if span >= least]
        values, hours, early = self._rates(series), hours_of(series), len(series) * 3 // 4
        gains = {}
        for kind in kinds:
            profile, _ = _profile(values[:early], hours[:early], kind)
            late = values[early:] - profile[hours[early:]]
            gains[kind] = 1 - np.square(late).mean(0) / np.maximum(values[early:].var(0), 1e-300)
        if not gains:
            return
        best = max(gains, key=lambda kind: (float(np.maximum(gains[kind], 0).sum()), kind == "day"))
        varies = values.std(0) > 0
        self.seasonal_ = varies if asked else varies & (gains[best] > _GAIN)
        if self.seasonal_.any():
            self.season_ = np.array(_KINDS.index(best))
            self.profile_, self.spread_ = _profile(values, hours, best)


def seconds_of(series: Series) -> np.ndarray | None:
    """Return seconds [T] since 1970 where the index is a time, else None."""
    index = None if series.index is None else np.asarray(series.index)
    if index is None or index.dtype.kind != "M":
        return None
    return index.astype("datetime64[ns]").astype(np.int64) / 1e9


def hours_of(series: Series) -> np.ndarray:
    """Return the hour of the week [T] of each row, 0 to 167.

    Raises:
        DataError: the series has no time.
    """
    seconds = seconds_of(series)
    if seconds is None:
        raise DataError(f"'{series.name}' has no time, and the detector knows the hours of the week: name its column.")
    return (np.floor_divide(seconds, 3600) % HOURS).astype(np.int64)


def run_lengths(values: np.ndarray, before: np.ndarray | None = None, last: np.ndarray | None = None) -> np.ndarray:
    """Return how often the value of each sensor has come in a row, [T, D] int64, with this row.

    Args:
        values: [T, D].
        before: [D] how often the value before the first row had come; None where there was none.
        last: [D] that value.

    >>> run_lengths(np.array([[1.0], [1.0], [2.0], [2.0], [2.0]]))[:, 0]
    array([1, 2, 1, 2, 3])
    """
    rows = np.arange(len(values))[:, None]
    changed = np.ones(values.shape, dtype=bool)
    changed[1:] = values[1:] != values[:-1]
    begun = np.zeros(values.shape[1], dtype=np.int64)
    if before is not None and last is not None and len(values):
        changed[0] = values[0] != last
        begun = np.where(changed[0], 0, -before)
    starts = np.maximum.accumulate(np.where(changed, rows, np.where(rows == 0, begun, np.iinfo(np.int64).min)), axis=0)
    return rows - starts + 1


def longest_runs(series: Series) -> np.ndarray:
    """Return the longest repetition [D] of a value in training; 0 for a sensor that hardly moves."""
    values = series.values
    if len(values) < 2:
        return np.zeros(series.dim, dtype=np.int64)
    longest = np.max([run_lengths(part.values).max(0) for part in series.stretches()], axis=0)
    return np.where(longest * 10 > len(values), 0, longest)


def _counters(series: Series) -> np.ndarray:
    """Return which columns [D] rise, but for few resets, all the time."""
    rises = np.concatenate([np.diff(part.values, axis=0) for part in series.stretches()])
    if len(rises) < 20:
        return np.zeros(series.dim, dtype=bool)
    half = len(rises) // 2
    rising = ((rises[:half] > 0).mean(0) > 0.05) & ((rises[half:] > 0).mean(0) > 0.05)
    return rising & ((rises < 0).sum(0) <= _RESETS * len(rises))


def _profile(values: np.ndarray, hours: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the usual value [168, D] of every hour, and how far from it values usually are."""
    place = hours % 24 if kind == "day" else hours
    size = 24 if kind == "day" else HOURS
    whole = values.std(0)
    mean, spread = np.tile(values.mean(0), (size, 1)), np.tile(whole, (size, 1))
    residual = np.empty_like(values)
    for hour in range(size):
        rows = place == hour
        if rows.any():
            mean[hour] = np.median(values[rows], axis=0)
            residual[rows] = values[rows] - mean[hour]
            spread[hour] = residual[rows].std(0)
    floor = np.maximum(0.3 * residual.std(0), 1e-6 * np.where(whole > 0, whole, 1.0))
    repeat = HOURS // size
    return np.tile(mean, (repeat, 1)), np.tile(np.maximum(spread, floor), (repeat, 1))
