"""`Smoothed`: a detector whose scores are averaged over neighbouring rows."""

from __future__ import annotations

import numpy as np

from tsreward.detectors.alignment import Side, moving_average
from tsreward.detectors.base import Detector
from tsreward.errors import OptionError
from tsreward.series import Series


class Smoothed(Detector):
    """Moving average of another detector's scores.

    Anomalies of logs last for many rows, so averaging a squared error over about ten of them is worth more than most
    changes of the model: compare smoothed detectors with smoothed ones.
    """

    def __init__(self, detector: Detector, width: int = 10, side: Side = "causal") -> None:
        if width < 1:
            raise OptionError(f"Smoothed.width must be at least 1 row, got {width}.")
        self.detector, self.width = detector, width
        self.side: Side = side

    @property
    def causal(self) -> bool:
        return self.detector.causal and (self.side == "causal" or self.width == 1)

    def learn(self, series: Series) -> None:
        self.detector.learn(series)

    def measure(self, series: Series) -> np.ndarray:
        return moving_average(self.detector.measure(series), self.width, self.side)
