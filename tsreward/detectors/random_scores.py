"""`RandomScores`: what any detector must beat."""

from __future__ import annotations

import numpy as np

from tsreward.detectors.base import Detector
from tsreward.series import Series


class RandomScores(Detector):
    """Independent uniform scores, the same for the same seed and length."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def learn(self, series: Series) -> None:
        """Do nothing."""

    def measure(self, series: Series) -> np.ndarray:
        return np.random.default_rng(self.seed).random(len(series))
