"""Missing values are dropped, filled or marked, and the result depends on no chunk's length."""

import numpy as np
import pandas
import pytest

from tsreward.errors import DataError
from tsreward.sequences.cleaning import RowCleaner

NAN = np.nan
NAMES = ("a", "b")
ROWS = np.array([[1, NAN], [NAN, 2], [3, NAN], [NAN, NAN], [5, 6], [NAN, 7], [8, NAN]])
NONE = np.zeros(len(ROWS), dtype=bool)


def cleaned(how, values=ROWS, starts=NONE, size=None, time=None):
    """Return values, rows, starts and missing of all rows, pushed `size` at a time."""
    cleaner = RowCleaner(how, NAMES, "log")
    size = size or len(values)
    parts = [
        cleaner.push(values[i : i + size], starts[i : i + size], None if time is None else time[i : i + size])
        for i in range(0, len(values), size)
    ]
    parts.append(cleaner.finish())
    assert parts[-1].settled == len(values)
    return [np.concatenate([getattr(p, name) for p in parts]) for name in ("values", "rows", "starts", "missing")]


def test_an_error_names_row_column_and_option():
    with pytest.raises(
        DataError, match=r"log: row 1 of column 'b' has no value.*--missing drop, ffill, interpolate or m"
    ):
        cleaned("error")
    complete = np.ones((4, 2))
    assert cleaned("error", complete, NONE[:4])[0].tolist() == complete.tolist()


def test_rows_are_dropped():
    values, rows, starts, missing = cleaned("drop")
    assert (values.tolist(), rows.tolist(), starts.tolist(), missing.tolist()) == ([[5, 6]], [4], [False], [False])


def test_values_are_repeated_and_rows_before_the_first_left_out():
    values, rows, _, missing = cleaned("ffill")
    assert values.tolist() == [[1, 2], [3, 2], [3, 2], [5, 6], [5, 7], [8, 7]]
    assert rows.tolist() == [1, 2, 3, 4, 5, 6]
    assert missing.tolist() == [True, True, True, False, True, True]


def test_lines_are_drawn_as_pandas_does():
    values = cleaned("interpolate")[0]
    expected = pandas.DataFrame(ROWS).interpolate(limit_direction="both").to_numpy()
    np.testing.assert_allclose(values, expected)


def test_lines_are_drawn_over_time():
    time = np.array([0.0, 1, 5])
    values = cleaned("interpolate", np.array([[0.0, 0], [NAN, 0], [10, 0]]), NONE[:3], time=time)[0]
    assert values[:, 0].tolist() == [0, 2, 10]


def test_masked_rows_stay_as_they_are_and_are_marked():
    values, rows, _, missing = cleaned("mask")
    np.testing.assert_array_equal(values, ROWS)
    assert rows.tolist() == list(range(7))
    assert missing.tolist() == [True, True, True, True, False, True, True]


def test_nothing_is_filled_across_a_gap():
    starts = np.array([True, False, False, True, False, False, False])
    values, rows, begins, _ = cleaned("ffill", starts=starts)
    assert rows.tolist() == [1, 2, 4, 5, 6]
    assert begins.tolist() == [True, False, True, False, False]
    assert values[2].tolist() == [5, 6]
    values = cleaned("interpolate", starts=starts)[0]
    assert values[:3].tolist() == [[1, 2], [2, 2], [3, 2]]
    assert values[3].tolist() == [5, 6]


def test_a_dropped_row_that_begins_anew_hands_that_on():
    starts = np.array([False, False, False, True, False])
    values = np.array([[1.0, 1], [2, 2], [3, 3], [NAN, 4], [5, 5]])
    for size in (1, 2, 5):
        _, rows, begins, _ = cleaned("drop", values, starts, size)
        assert rows.tolist() == [0, 1, 2, 4]
        assert begins.tolist() == [False, False, False, True]


@pytest.mark.parametrize("how", ["drop", "ffill", "interpolate", "mask"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_the_length_of_chunks_changes_nothing(how, size, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(300, 2))
    values[rng.random((300, 2)) < 0.4] = NAN
    starts = rng.random(300) < 0.03
    time = rng.random(300).cumsum() + 1e9
    for one, other in zip(
        cleaned(how, values, starts, None, time), cleaned(how, values, starts, size, time), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_an_empty_column_is_named():
    empty = np.array([[1.0, NAN], [2, NAN]])
    assert cleaned("mask", empty, NONE[:2])[3].all()
    for how in ("drop", "ffill", "interpolate"):
        with pytest.raises(DataError, match="column 'b' holds no value at all: leave it out with --ignore b"):
            cleaned(how, empty, NONE[:2])
    each = np.array([[1.0, NAN], [NAN, 2]])
    with pytest.raises(DataError, match="each row lacks a value, so --missing drop leaves none"):
        cleaned("drop", each, NONE[:2])


def test_what_was_done_is_said():
    cleaner = RowCleaner("ffill", NAMES, "log")
    cleaner.push(ROWS, NONE)
    cleaner.finish()
    assert cleaner.notes() == [
        "7 missing values in 5 rows replaced by the value before",
        "1 row with missing values left out",
    ]
