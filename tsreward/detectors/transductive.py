"""`Transductive`: a detector that learns from the very series it judges."""

from __future__ import annotations

import numpy as np

from tsreward.detectors.base import Detector
from tsreward.series import Series


class Transductive(Detector):
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
