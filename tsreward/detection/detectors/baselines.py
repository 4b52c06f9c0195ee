"""Baselines to hold a detector against: random scores, and fitting on the test series itself."""

from __future__ import annotations

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.sequences.series import Series


class RandomScores(Detector):
    """Independent uniform scores, the same for the same seed and length."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def learn(self, series: Series) -> None:
        """Do nothing."""

    def measure(self, series: Series) -> np.ndarray:
        return np.random.default_rng(self.seed).random(len(series))


class FitOnTest(Detector):
    """Fits a detector on each series that is scored, anomalies included, without their labels.

    Many published tables hold such rows. It needs the whole series before the first score: name it where it is shown
    beside detectors that learned from earlier rows only.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    @property
    def causal(self) -> bool:
        return False

    def learn(self, series: Series) -> None:
        """Do nothing: what there is to learn comes with the series to score."""

    def measure(self, series: Series) -> np.ndarray:
        self.detector.fit(series)
        return self.detector.score(series)
