"""Whether a series rises or falls: the test of Mann (1945) and Kendall."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Trend(NamedTuple):
    """A monotone trend and how surely it is one."""

    tau: float
    """Kendall's tau-b of values and time, in [−1, 1]: 1 where every value is above all earlier ones."""
    z: float
    """Standard normal where there is no trend; 3.09 is exceeded by chance in one of 1,000 series."""


def mann_kendall(values: np.ndarray) -> Trend:
    """Test values [N] for a monotone trend, with the normal approximation and its corrections for ties and continuity.

    Source: Mann, "Nonparametric tests against trend", Econometrica 1945; Kendall, "Rank correlation methods", 1975.

    >>> mann_kendall(np.arange(10.0)).tau, mann_kendall(-np.arange(10.0)).tau, mann_kendall(np.ones(5))
    (1.0, -1.0, Trend(tau=0.0, z=0.0))
    """
    values = np.asarray(values, float)
    number = len(values)
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(number, 1)].sum())
    ties = np.unique(values, return_counts=True)[1].astype(float)
    pairs = number * (number - 1) / 2
    untied = pairs - float((ties * (ties - 1)).sum()) / 2
    variance = (number * (number - 1) * (2 * number + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if untied <= 0 or variance <= 0:
        return Trend(0.0, 0.0)
    return Trend(s / math.sqrt(pairs * untied), (s - np.sign(s)) / math.sqrt(variance))
