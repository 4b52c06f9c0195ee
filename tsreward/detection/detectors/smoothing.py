"""Averages of scores over neighbouring rows, causal or centred."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.errors import OptionError
from tsreward.sequences.series import Series

Place = Literal["last", "centre", "covering"]
Side = Literal["causal", "centred"]


def place_scores(scores: np.ndarray, window: int, place: Place) -> np.ndarray:
    """Return scores [T] of rows from scores [T] of the windows that end at them.

    `last`: a row gets the score of the window that ends there; the only form that needs no later rows. `centre`: of
    the window that has it in its middle. `covering`: the mean over all windows that contain it. At the end of the
    series, where later windows are missing, the last one stands in.

    >>> place_scores(np.array([0.0, 0.0, 3.0, 0.0]), window=3, place="covering")
    array([1., 1., 1., 0.])
    """
    if place == "last":
        return scores
    if place == "centre":
        ahead = window // 2
        return np.concatenate([scores[ahead:], np.repeat(scores[-1:], min(ahead, len(scores)))])[: len(scores)]
    later = np.concatenate([scores, np.repeat(scores[-1:], window - 1)])
    return _sums(later, window)[window - 1 :] / window


def moving_average(scores: np.ndarray, width: int, side: Side) -> np.ndarray:
    """Return the mean over `width` rows that end at each row (`causal`) or lie around it (`centred`).

    At the ends the average is over the rows that exist.

    >>> moving_average(np.array([3.0, 0.0, 0.0, 3.0]), width=2, side="causal")
    array([3. , 1.5, 0. , 1.5])
    >>> moving_average(np.array([3.0, 0.0, 0.0, 3.0]), width=3, side="centred")
    array([1.5, 1. , 1. , 1.5])
    """
    if width == 1:
        return scores
    ahead = 0 if side == "causal" else width // 2
    padded = np.concatenate([scores, np.zeros(ahead)])
    rows = _sums(padded, width)[ahead:]
    return rows / _sums(np.concatenate([np.ones(len(scores)), np.zeros(ahead)]), width)[ahead:]


def _sums(values: np.ndarray, width: int) -> np.ndarray:
    """Return the sum of the last `width` values at each position; before the first value there is nothing."""
    # A running total would leave the rounding of large scores behind in small ones: every sum is taken anew.
    padded = np.concatenate([np.zeros(width - 1), values])
    return np.lib.stride_tricks.sliding_window_view(padded, width).sum(1)


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
