"""The window of VUS is one period of channel 0, found as TSB-AD finds it."""

import numpy as np
import pytest

from tsreward.errors import DataError
from tsreward.evaluation.metrics import vus_window
from tsreward.series import Series


def wave(seed: int, rows: int, period: float, noise: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(rows) * 2 * np.pi / period) + noise * rng.normal(size=rows)


# From TSB-AD 1.5, find_length_rank(channel, rank=1).
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, 2000, 40, 0.3), 40),
        ((1, 500, 7.5, 1.0), 15),
        ((2, 30_000, 300, 0.2), 299),
        ((3, 1500, 350, 0.05), 125),  # the highest peak lies beyond lag 303
        ((4, 900, 4.3, 0.1), 13),
        ((5, 200, 60, 0.5), 8),
        ((6, 1000, 90, 30.0), 41),
    ],
)
def test_the_lag_is_that_of_tsb_ad(arguments, expected):
    assert vus_window(wave(*arguments)) == expected


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 1000])
def test_no_peak_means_125(rows):
    assert vus_window(np.zeros(rows)) == vus_window(np.arange(rows, dtype=float)) == 125


def test_only_the_first_20_000_rows_of_channel_0_are_read():
    channel = wave(0, 25_000, 40, 0.3)
    other = channel.copy()
    other[20_000:] = 0
    table = np.column_stack([other, wave(1, 25_000, 90, 0.3)])
    assert vus_window(table) == vus_window(Series(table)) == vus_window(channel) == 40


def test_nan_is_refused():
    with pytest.raises(DataError, match="row 1 of column '0' is nan"):
        vus_window(np.array([0.0, np.nan]))
