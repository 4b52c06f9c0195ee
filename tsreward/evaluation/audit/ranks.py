"""Correlations of two columns; None where one of them is constant or there are fewer than two rows."""

from __future__ import annotations

import numpy as np


def pearson(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the linear correlation of two columns [N].

    >>> pearson(np.array([1.0, 2.0, 3.0]), np.array([-2.0, -4.0, -6.0]))
    -1.0
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    x, y = first - first.mean(), second - second.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the linear correlation of ranks, ties having their mean rank (Spearman 1904).

    >>> spearman(np.array([1.0, 2.0, 30.0]), np.array([0.0, 5.0, 5.5]))
    1.0
    """
    return pearson(_ranks(first), _ranks(second))


def kendall(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return τ-b: concordant less discordant pairs over the pairs without ties (Kendall 1945); N² memory.

    >>> kendall(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0])).__round__(6)
    0.666667
    """
    x, y = (np.sign(column[:, None] - column[None]) for column in (np.asarray(first), np.asarray(second)))
    pairs = np.sqrt(float((x**2).sum()) * float((y**2).sum()))
    return float((x * y).sum() / pairs) if pairs else None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
