"""Gaps take the value above, or else the one below."""

import numpy as np

from tsreward.data.logs.filling import fill_gaps


def naive(column):
    filled = column.copy()
    for row in range(len(filled)):
        if np.isnan(filled[row]) and row:
            filled[row] = filled[row - 1]
    for row in reversed(range(len(filled) - 1)):
        if np.isnan(filled[row]):
            filled[row] = filled[row + 1]
    return filled


def test_equals_the_obvious_way():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 30))
    values[rng.random(values.shape) < np.linspace(0, 1, 30)] = np.nan
    expected = np.stack([naive(column) for column in values.T], 1)
    fill_gaps(values)
    assert np.array_equal(values, expected, equal_nan=True)
    assert np.isnan(values[:, -1]).all()
