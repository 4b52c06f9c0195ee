"""Small series, and detectors that tell how often they were fitted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series

LEARNED = 200
"""Training rows; fits on fewer are for a threshold, and are not counted."""


def small_task(name: str, seed: int = 0, rows: int = 300, dim: int = 2) -> DetectionTask:
    """Return noise with two runs of shifted rows among the test rows."""
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(size=(rows, dim)), np.zeros(rows, dtype=bool)
    labels[rows // 2 : rows // 2 + 15] = labels[-20:-10] = True
    values[labels] += 3.0
    return DetectionTask(name, Series(rng.normal(size=(LEARNED, dim)), name=name), Series(values, labels, name))


class Distance(Detector):
    """Distance to the mean of what was learned, with a little noise that the seed decides."""

    fits: list[str]
    """Shared by the detectors that are to be counted together."""

    def __init__(self, seed: int = 0, power: float = 1.0) -> None:
        self.seed, self.power = seed, power

    def learn(self, series: Series) -> None:
        if len(series) == LEARNED:
            self.fits.append(series.name)
        self.mean = series.values.mean(axis=0)

    def measure(self, series: Series) -> np.ndarray:
        noise = np.random.default_rng(self.seed).random(len(series))
        return (np.abs(series.values - self.mean) ** self.power).mean(axis=1) + 0.01 * noise


Distance.fits = []


class Broken(Distance):
    """Raises on one series."""

    def learn(self, series: Series) -> None:
        if series.name == "b":
            raise ZeroDivisionError("nothing to <divide>")
        super().learn(series)


class Infinite(Distance):
    """Gives a score that is no number."""

    def measure(self, series: Series) -> np.ndarray:
        scores = super().measure(series)
        scores[3] = np.nan
        return scores


class Short(Distance):
    """Gives too few scores."""

    def measure(self, series: Series) -> np.ndarray:
        return super().measure(series)[1:]


class Dying(Distance):
    """Takes its whole process with it on one series."""

    def learn(self, series: Series) -> None:
        if series.name == "b":
            os.kill(os.getpid(), signal.SIGKILL)
        super().learn(series)


class Counted(Distance):
    """Adds a byte to a file with every fit, whichever process that is in."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        super().__init__(seed)
        self.path = str(path)

    def learn(self, series: Series) -> None:
        if len(series) == LEARNED:
            with Path(self.path).open("ab") as file:
                file.write(b".")
        super().learn(series)


class Hungry(Distance):
    """Learns from all rows or not at all."""

    def learn(self, series: Series) -> None:
        if len(series) < LEARNED:
            raise DataError(f"Hungry needs {LEARNED} rows, got {len(series)}.")
        super().learn(series)


class Ranked(Distance):
    """Ranks the rows among each other, and says that it does not look ahead."""

    def measure(self, series: Series) -> np.ndarray:
        return super().measure(series).argsort().argsort().astype(float)
