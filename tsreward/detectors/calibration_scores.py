"""Scores of normal rows that a detector has not learned from, for its threshold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsreward.detectors.base import Detector
from tsreward.series import Series


def held_out_scores(make: Callable[[], Detector], series: Series, share: float = 0.25) -> np.ndarray:
    """Return the scores [T'] of the last rows of a series from a detector that learned from the rows before them.

    A detector knows the rows it learned from: a threshold on their scores flags far more of what comes later than it
    was asked to. `make` returns a detector like the one that is then fitted on the whole series; the last `share` of
    the rows is held out, though at least 100 of them where that leaves half.

    >>> from tsreward.detectors.random_scores import RandomScores
    >>> held_out_scores(RandomScores, Series(np.zeros((1000, 1)))).shape
    (250,)
    """
    held = max(round(share * len(series)), min(100, len(series) // 2))
    detector = make()
    detector.fit(series.rows(0, len(series) - held))
    return detector.score(series)[len(series) - held :]
