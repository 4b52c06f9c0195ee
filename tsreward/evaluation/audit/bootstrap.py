"""Uncertainty by drawing whole episodes again: steps of one episode are no independent samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS = 400


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % percentile interval (Efron & Tibshirani 1993, §13.3)."""

    value: float
    low: float
    high: float


def interval(value: float, drawn: np.ndarray) -> Interval:
    """Return the value with the middle 95 % of what was drawn [R]; draws that are NaN had nothing to measure.

    >>> interval(0.5, np.array([0.0, 1.0, np.nan]))
    Interval(value=0.5, low=0.025, high=0.975)
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def episode_weights(rng: np.random.Generator, episodes: int, draws: int = DRAWS) -> np.ndarray:
    """Return [draws, episodes]: how often every episode is in each draw with replacement.

    >>> episode_weights(np.random.default_rng(0), 5, draws=2).sum(axis=1)
    array([5, 5])
    """
    return rng.multinomial(episodes, np.full(episodes, 1 / episodes), size=draws)
