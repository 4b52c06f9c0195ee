"""Gaps in columns of values."""

from __future__ import annotations

import numpy as np


def fill_gaps(values: np.ndarray) -> None:
    """Replace every NaN of an array [T, D], in place, by the last value above it, or else by the first below it.

    A column of NaN only stays as it is.

    >>> values = np.array([[np.nan], [1.0], [np.nan], [3.0]])
    >>> fill_gaps(values)
    >>> values[:, 0]
    array([1., 1., 1., 3.])
    """
    for column in values.T:
        known = np.flatnonzero(~np.isnan(column))
        if 0 < len(known) < len(column):
            before = np.searchsorted(known, np.arange(len(column)), side="right") - 1
            column[:] = column[known[before.clip(min=0)]]
