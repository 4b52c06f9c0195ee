"""Whether scores look ahead: measured, by scoring the first rows of a series alone and with what came later."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsreward.sequences.series import Series

_MOST = 1000
"""Rows that are scored a second time, at most."""
_CLOSE = 1e-4
"""What the order of a sum may change in a score, relative to it and to how far scores usually lie apart."""


def is_causal(score: Callable[[Series], np.ndarray], series: Series, scores: np.ndarray | None = None) -> bool:
    """Return whether the scores of the first rows are the same without the rows that came later.

    Args:
        score: returns scores [T] of a series.
        series: at least two rows; the first half, 1,000 rows at most, is scored alone.
        scores: what `score` gave for the whole series, where it is known.

    >>> series = Series(np.arange(10.0)[:, None])
    >>> is_causal(lambda part: part.values[:, 0], series), is_causal(lambda part: part.values[:, 0][::-1], series)
    (True, False)
    """
    rows = min(len(series) // 2, _MOST)
    if rows == 0:
        return True
    whole = np.asarray(score(series) if scores is None else scores, dtype=np.float64)
    alone = np.asarray(score(series.rows(0, rows)), dtype=np.float64)
    usual = float(np.median(np.abs(whole - np.median(whole))))
    return bool(np.allclose(alone, whole[:rows], rtol=_CLOSE, atol=_CLOSE * usual))
