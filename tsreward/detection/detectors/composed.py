"""Detectors that are made of others: their geometric mean, their moving average, and the fit on the series scored."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Literal

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
        self.floors_ = np.zeros(len(self.members))
        for place, member in enumerate(self.members):
            member.learn(series)
            self.floors_[place] = max(float(np.quantile(_not_negative(member, series), 0.01)), 1e-12)

    def measure(self, series: Series) -> np.ndarray:
        pairs = zip(self.members, self.floors_, strict=True)
        logs = [np.log(_not_negative(member, series) + floor) for member, floor in pairs]
        return np.exp(np.mean(logs, axis=0))

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
    """Moving average of another detector's scores.

    Anomalies of logs last for many rows, so averaging a squared error over about ten of them is worth more than most
    changes of the model: compare smoothed detectors with smoothed ones.

    Args:
        detector: what gives the scores; its own threshold is not used.
        width: rows that are averaged, 1 to 65536.
        side: causal averages over the rows that end at a row, centred over those around it.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.
    """

    def __init__(
        self,
        detector: Detector,
        width: int = 10,
        side: Side = "causal",
        *,
        false_alarm_rate: float | None = 0.01,
        threshold: str = "conformal",
    ) -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.detector, self.width = detector, width
        self.side: Side = side
        _require_detectors(self, [detector])
        self._require("width", isinstance(width, Integral) and 1 <= width <= MAX_ROWS, f"1 to {MAX_ROWS} rows")
        self._require("side", side in ("causal", "centred"), "'causal' or 'centred'")

    @property
    def causal(self) -> bool:
        return self.detector.causal and (self.side == "causal" or self.width == 1)

    def learn(self, series: Series) -> None:
        self.detector.learn(series)

    def measure(self, series: Series) -> np.ndarray:
        return moving_average(self.detector.scores(series), self.width, self.side)

    def allocate(self, dim: int) -> None:
        self.detector.allocate(dim)

    def state(self) -> dict[str, Tensor]:
        return {f"detector.{name}": value for name, value in self.detector.state().items()}


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

    def state(self) -> dict[str, Tensor]:
        return {}


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


def _require_detectors(owner: Detector, parts: Sequence[object]) -> None:
    for part in parts:
        if not isinstance(part, Detector):
            raise OptionError(f"{type(owner).__name__} is made of detectors, got {type(part).__name__}.")
