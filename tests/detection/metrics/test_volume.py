"""VUS is TSB-AD's to the last digits, and equals its slow twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detection.metrics import naive
from tests.detection.metrics.cases import LABELS, SCORES, drawn
from tests.reliability.metrics import vus_differs
from tsreward.detection.metrics import average_precision, roc_auc, vus, vus_pr, vus_roc, vus_window
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series

# From TSB-AD 1.5, generate_curve(labels, scores, window, "opt", 250): window, VUS-PR, VUS-ROC.
SMALL = [
    (0, 0.75625, 0.790625),
    (1, 0.75625, 0.790625),
    (2, 0.8292211156208985, 0.8545504190653576),
    (3, 0.8680848374028085, 0.888298027037162),
    (4, 0.892713191246132, 0.9094139972837432),
    (5, 0.909441513878542, 0.9237146679933536),
    (8, 0.9388024329881005, 0.9485853346053932),
    (20, 0.9735310858108783, 0.9778025908118138),
]
# The same on cases.drawn(seed, rows): seed, rows, window, VUS-PR, VUS-ROC.
DRAWN = [
    (0, 300, 0, 0.32106727194745216, 0.6815616984895982),
    (1, 300, 10, 0.6575831022695352, 0.8560515870547046),
    (2, 400, 25, 0.630761420769222, 0.8689947327915272),
    (3, 1000, 40, 0.3883606062047927, 0.7804932564294812),
    (4, 1000, 125, 0.5841179240656947, 0.8514900120201266),
    (5, 2500, 100, 0.5656173021518338, 0.8361051804440943),
]


@pytest.mark.parametrize(("window", "pr", "roc"), SMALL)
def test_a_small_series_gets_the_values_of_tsb_ad(window, pr, roc):
    assert vus(LABELS, SCORES, window) == pytest.approx((pr, roc), abs=1e-12)


@pytest.mark.parametrize(("case", "rows", "window", "pr", "roc"), DRAWN)
def test_random_series_get_the_values_of_tsb_ad(case, rows, window, pr, roc):
    labels, scores, _ = drawn(case, rows)
    assert vus_pr(labels, scores, window) == pytest.approx(pr, abs=1e-12)
    assert vus_roc(labels, scores, window) == pytest.approx(roc, abs=1e-12)


def test_vus_equals_its_slow_twin(seed):
    assert vus_differs(seed, number=200, rows=24) == 0
    assert vus_differs(seed + 1, number=6, rows=60) == 0


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30), st.integers(0, 9))
def test_vus_equals_its_slow_twin_on_few_rows_and_many_ties(rows, window):
    labels, scores = np.array(rows).T
    labels[:2] = (0, 1)
    assert vus(labels, scores, window) == pytest.approx(naive.vus(labels, scores, window), abs=1e-12)


def test_without_a_buffer_events_of_one_row_and_no_ties_leave_little_but_recall_times_found(seed):
    rng = np.random.default_rng(seed)
    scores = rng.permutation(200) + 0.0
    labels = np.zeros(200, int)
    labels[50] = 1  # one event: found is 1 wherever recall is not 0, so both are the ordinary areas
    assert vus(labels, scores, 0) == pytest.approx((average_precision(labels, scores), roc_auc(labels, scores)))


def test_a_wider_buffer_forgives_a_late_alarm():
    labels, late = np.zeros(300, int), np.zeros(300)
    labels[100:110], late[112:115] = 1, 1.0
    values = [vus_pr(labels, late, window) for window in (0, 4, 20, 60)]
    assert values == sorted(values)
    assert values[0] < 0.05 < 0.25 < values[-1]


@pytest.mark.parametrize("window", [-1, 2.5, "8", None])
def test_a_window_is_a_number_of_rows(window):
    with pytest.raises(OptionError, match="VUS expects a window of 0, 1, 2"):
        vus(LABELS, SCORES, window)


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
