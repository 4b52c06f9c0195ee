"""`Ensemble`: several detectors as one, by the geometric mean of their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.errors import OptionError
from tsreward.sequences.series import Series


class Ensemble(Detector):
    """exp(mean over members of log(score + ε)), for members whose scores are not negative, such as errors.

    The geometric mean needs no common scale: a factor on one member's scores is a factor on the result. ε is the 1 %
    quantile of the member's scores on the series it learned from, so that one member with an error near zero cannot
    silence the others.
    """

    def __init__(self, members: Sequence[Detector]) -> None:
        if not members:
            raise OptionError("Ensemble needs at least one detector.")
        self.members = tuple(members)

    @property
    def causal(self) -> bool:
        return all(member.causal for member in self.members)

    def learn(self, series: Series) -> None:
        self.floors = []
        for member in self.members:
            member.learn(series)
            self.floors.append(max(float(np.quantile(_not_negative(member, series), 0.01)), 1e-12))

    def measure(self, series: Series) -> np.ndarray:
        pairs = zip(self.members, self.floors, strict=True)
        logs = [np.log(_not_negative(member, series) + floor) for member, floor in pairs]
        return np.exp(np.mean(logs, axis=0))


def _not_negative(member: Detector, series: Series) -> np.ndarray:
    scores = member.measure(series)
    if scores.min() < 0:
        raise OptionError(
            f"Ensemble: {type(member).__name__} gives negative scores, which have no geometric mean: take members that "
            f"measure an error or a distance."
        )
    return scores
