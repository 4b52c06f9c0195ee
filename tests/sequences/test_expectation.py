"""Missing values are replaced by what the rest of the row lets expect."""

import numpy as np
import pytest

from tests import plant
from tsreward.errors import DataError
from tsreward.sequences.expectation import MAX_DIM, Expectation


def test_a_missing_value_follows_from_the_others():
    rows = plant.plant()
    expected = Expectation(3).fit(rows[:3000])
    for column, error in ((0, 0.6), (1, 0.25), (2, 0.02)):
        lacking = rows[3000:].copy()
        lacking[:, column] = np.nan
        assert np.abs(expected.fill(lacking)[:, column] - rows[3000:, column]).mean() < error
    assert expected.fill(np.full((1, 3), np.nan))[0] == pytest.approx(rows[:3000].mean(0))


def test_scales_and_offsets_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    rows = plant.plant()
    lacking = rows[3000:].copy()
    lacking[rng.random(lacking.shape) < 0.3] = np.nan
    scale, offset = np.array([1e-6, 1e6, 1.0]), np.array([0.0, 1e9, -5.0])
    plain = Expectation(3).fit(rows[:3000]).fill(lacking)
    other = Expectation(3).fit(rows[:3000] * scale + offset).fill(lacking * scale + offset)
    np.testing.assert_allclose((other - offset) / scale, plain, rtol=1e-6)


def test_no_row_depends_on_the_others(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(700, 5))
    lacking = rows.copy()
    lacking[rng.random(rows.shape) < 0.3] = np.nan
    expected = Expectation(5).fit(rows)
    whole = expected.fill(lacking)
    np.testing.assert_array_equal(whole, np.concatenate([expected.fill(lacking[i : i + 1]) for i in range(700)]))
    np.testing.assert_array_equal(whole[~np.isnan(lacking)], lacking[~np.isnan(lacking)])


def test_constant_and_equal_columns_and_many():
    rows = np.array([[1.0, 2, 2], [1, 3, 3], [1, 4, 4]])
    filled = Expectation(3).fit(rows).fill(np.array([[np.nan, 3.5, np.nan]]))
    assert filled[0] == pytest.approx([1, 3.5, 3.5], abs=1e-4)
    wide = np.arange(2 * (MAX_DIM + 1), dtype=float).reshape(2, -1)
    assert Expectation(MAX_DIM + 1).fit(wide).fill(np.full((1, MAX_DIM + 1), np.nan))[0] == pytest.approx(wide.mean(0))
    with pytest.raises(DataError, match="No row has all its values"):
        Expectation(2).fit(np.zeros((0, 2)))
