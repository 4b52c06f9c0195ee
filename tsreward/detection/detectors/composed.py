"""Detectors that are made of others: their geometric mean, their moving average, and the fit on the series scored."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from tsreward.detection.detectors.base import DETECTOR_CLASSES, Detector
from tsreward.detection.detectors.windows import MAX_ROWS, sums_of_last
from tsreward.errors import OptionError
from tsreward.sequences.series import Series

Side = Literal["causal", "centred"]


@DETECTOR_CLASSES.register("ensemble")
class Ensemble(Detector):
    """exp(mean over members of log(score + ε)), for members whose scores are not negative, such as errors.

    The geometric mean needs no common scale: a factor on one member's scores is a factor on the result. ε is the 1 %
    quantile of the member's scores on the series it was fitted on, so that one member with an error near zero cannot
    silence the others.

    Args:
        members: detectors, at least one; their own thresholds are not used.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.
    """

    def __init__(
        self, members: Sequence[Detector], *, false_alarm_rate: float | None = 0.01, threshold: str = "conformal"
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.members = members
        if not members:
            raise OptionError("Ensemble needs at least one detector.")
        _require_detectors(self, members)

    @property
    def causal(self) -> bool:
        return all(member.causal for member in self.members)

    def learn(self, series: Series) -> None:
        for member in self.members:
            member.learn(series)
        self.floors_ = floors([_not_negative(member, series) for member in self.members])

    def measure(self, series: Series) -> np.ndarray:
        return geometric_mean([_not_negative(member, series) for member in self.members], self.floors_)

    @property
    def reach(self) -> tuple[int, int] | None:
        found = [member.reach for member in self.members]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        return max(back for back, _ in known), max(ahead for _, ahead in known)

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        parts = [member.attribute(series, usual) for member in self.members]
        return _mean_share(parts) * self.scores(series)[:, None]

    def allocate(self, dim: int) -> None:
        self.floors_ = np.zeros(len(self.members))
        for member in self.members:
            member.allocate(dim)

    def state(self) -> dict[str, Tensor]:
        found = {"floors": torch.from_numpy(self.floors_)}
        for place, member in enumerate(self.members):
            found |= {f"members.{place}.{name}": value for name, value in member.state().items()}
        return found


def _not_negative(member: Detector, series: Series) -> np.ndarray:
    scores = member.scores(series)
    if scores.min() < 0:
        raise OptionError(
            f"Ensemble: {member.title} gives negative scores, which have no geometric mean: take members that measure "
            f"an error or a distance."
        )
    return scores


@DETECTOR_CLASSES.register("smoothed")
class Smoothed(Detector):
    """Moving average of another detector's scores, or the geometric mean of several such averages.

    Anomalies of logs last for many rows, so averaging a squared error is worth more than most changes of the model:
    compare smoothed detectors with smoothed ones. How long they last is not known before: with several widths, short
    and long ones count. An average is then m + ε, with ε its 1 % quantile on the series that was fitted, and scores
    below the least one of that series are taken as that.

    Args:
        detector: what gives the scores; its own threshold is not used.
        width: rows that are averaged, 1 to 65536, or several such numbers.
        side: causal averages over the rows that end at a row, centred over those around it.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.

    >>> from tsreward.detection.detectors.presets import DETECTORS
    >>> rows = np.random.default_rng(0).normal(size=(600, 3))
    >>> rows[500:] += 4
    >>> Smoothed(DETECTORS["mahalanobis"](0), width=(1, 4, 16)).fit(rows[:400]).predict(rows)[510:].all()
    np.True_
    """

    def __init__(
        self,
        detector: Detector,
        width: int | Sequence[int] = 10,
        side: Side = "causal",
        *,
        false_alarm_rate: float | None = 0.01,
        threshold: str = "conformal",
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.detector = detector
        given: Any = width
        self.width: int | tuple[int, ...] = tuple(given) if isinstance(given, list | tuple) else given
        self.side: Side = side
        _require_detectors(self, [detector])
        right = all(isinstance(one, Integral) and 1 <= one <= MAX_ROWS for one in self.widths)
        self._require("width", right and bool(self.widths), f"1 to {MAX_ROWS} rows, or several such numbers")
        self._require("side", side in ("causal", "centred"), "'causal' or 'centred'")

    @property
    def widths(self) -> tuple[int, ...]:
        """Rows of every average."""
        width: Any = self.width  # a sequence has become a tuple in the constructor
        return width if isinstance(width, tuple) else (width,)

    @property
    def causal(self) -> bool:
        return self.detector.causal and (self.side == "causal" or max(self.widths) == 1)

    def learn(self, series: Series) -> None:
        self.detector.learn(series)
        if len(self.widths) > 1:
            scores = self.detector.scores(series)
            self.least_ = np.minimum(scores.min(keepdims=True), 0.0)
            self.floors_ = floors(self._averages(scores - self.least_))

    def measure(self, series: Series) -> np.ndarray:
        scores = self.detector.scores(series)
        if len(self.widths) == 1:
            return moving_average(scores, self.widths[0], self.side)
        return geometric_mean(self._averages(np.maximum(scores - self.least_, 0.0)), self.floors_)

    def _averages(self, scores: np.ndarray) -> list[np.ndarray]:
        return [moving_average(scores, width, self.side) for width in self.widths]

    @property
    def reach(self) -> tuple[int, int] | None:
        if self.detector.reach is None:
            return None
        back, ahead = self.detector.reach
        widest = max(self.widths)
        own = widest // 2 if self.side == "centred" else 0
        return back + widest - 1 - (own if len(self.widths) == 1 else 0), ahead + own

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        parts = self.detector.attribute(series, usual)
        averages = [
            np.stack([moving_average(column, width, self.side) for column in parts.T], axis=1) for width in self.widths
        ]
        if len(averages) == 1:
            return averages[0]
        return _mean_share(averages) * self.scores(series)[:, None]

    def allocate(self, dim: int) -> None:
        self.least_, self.floors_ = np.zeros(1), np.zeros(len(self.widths))
        self.detector.allocate(dim)

    def state(self) -> dict[str, Tensor]:
        found = {f"detector.{name}": value for name, value in self.detector.state().items()}
        if len(self.widths) > 1:
            found |= {"floors": torch.from_numpy(self.floors_), "least": torch.from_numpy(self.least_)}
        return found


@DETECTOR_CLASSES.register("fit_on_test")
class FitOnTest(Detector):
    """Fits a detector on each series that is scored, anomalies included, without their labels.

    Many published tables hold such rows. It needs the whole series before the first score: name it where it is shown
    beside detectors that were fitted on earlier rows only.

    Args:
        detector: what is fitted; its own threshold is not used.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.
    """

    def __init__(
        self, detector: Detector, *, false_alarm_rate: float | None = 0.01, threshold: str = "conformal"
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.detector = detector
        _require_detectors(self, [detector])

    @property
    def causal(self) -> bool:
        return False

    def learn(self, series: Series) -> None:
        """Do nothing: what there is to learn comes with the series to score."""

    def scores(self, series: Series) -> np.ndarray:
        self.detector.learn(series)  # gaps and all: the series is one
        return self.detector.scores(series)

    def measure(self, series: Series) -> np.ndarray:
        return self.scores(series)

    def attribute(self, series: Series, usual: np.ndarray) -> np.ndarray:
        self.detector.learn(series)
        return self.detector.attribute(series, usual)

    def state(self) -> dict[str, Tensor]:
        return {}


def floors(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return ε of each of M scores [T] that are not negative: their 1 % quantile, at least 1e-12."""
    return np.array([max(float(np.quantile(part, 0.01)), 1e-12) for part in parts])


def geometric_mean(parts: Sequence[np.ndarray], epsilon: np.ndarray) -> np.ndarray:
    """Return exp(mean over parts of log(part + ε)) [T] of M scores [T] that are not negative; ε [M] is from `floors`.

    >>> geometric_mean([np.array([1.0, 4.0]), np.array([4.0, 4.0])], np.zeros(2))
    array([2., 4.])
    """
    return np.exp(np.mean([np.log(part + floor) for part, floor in zip(parts, epsilon, strict=True)], axis=0))


def moving_average(scores: np.ndarray, width: int, side: Side) -> np.ndarray:
    """Return the mean [T] over `width` rows that end at each row (`causal`) or lie around it (`centred`).

    At the ends the average is over the rows that exist.

    Args:
        scores: [T] float64.
        width: rows, at least 1.
        side: causal looks at no later row; centred at `width // 2` of them.

    >>> moving_average(np.array([3.0, 0.0, 0.0, 3.0]), width=2, side="causal")
    array([3. , 1.5, 0. , 1.5])
    >>> moving_average(np.array([3.0, 0.0, 0.0, 3.0]), width=3, side="centred")
    array([1.5, 1. , 1. , 1.5])
    """
    if width == 1:
        return scores
    ahead = 0 if side == "causal" else width // 2
    padded = np.concatenate([scores, np.zeros(ahead)])
    rows = sums_of_last(padded, width)[ahead:]
    return rows / sums_of_last(np.concatenate([np.ones(len(scores)), np.zeros(ahead)]), width)[ahead:]


def _mean_share(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of shares [T, D]: in a geometric mean each part's opinion counts the same, whatever its scale."""
    return np.mean([one / np.maximum(np.abs(one).sum(1, keepdims=True), 1e-12) for one in parts], axis=0)


def _require_detectors(owner: Detector, parts: Sequence[object]) -> None:
    for part in parts:
        if not isinstance(part, Detector):
            raise OptionError(f"{type(owner).__name__} is made of detectors, got {type(part).__name__}.")
