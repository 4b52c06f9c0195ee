"""Frames of numbers are read whatever their types are; other columns are refused by name."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

from tsreward.errors import DataError
from tsreward.sequences.frames import frame_columns, is_frame, read_frame

NAN = np.nan


class Interchange:
    """A table of a library that has nothing but the old protocol."""

    columns = ("load", "temp")

    def __init__(self, table: pyarrow.Table) -> None:
        self.table = table

    def __dataframe__(self, **options: Any) -> Any:
        return self.table.__dataframe__(**options)


class Stream:
    """A table of a library that has the Arrow protocol, such as polars."""

    columns = ("load", "temp")

    def __init__(self, table: pyarrow.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ([True, False], [1, 0]),
        (np.array([1, 2], np.uint8), [1, 2]),
        (pandas.array([1, None], dtype="Int64"), [1, NAN]),
        (pandas.array([True, None], dtype="boolean"), [1, NAN]),
        (pandas.array([1.5, None], dtype="Float32"), [1.5, NAN]),
        ([Decimal("1.5"), Decimal(2)], [1.5, 2]),
        ([Decimal("1.5"), None], [1.5, NAN]),
        (pandas.array([1.5, None], dtype="double[pyarrow]"), [1.5, NAN]),
        (pandas.array([1, None], dtype="int32[pyarrow]"), [1, NAN]),
        (pandas.array([True, None], dtype="bool[pyarrow]"), [1, NAN]),
        (pandas.array([Decimal("1.5"), None], dtype=pandas.ArrowDtype(pyarrow.decimal128(5, 2))), [1.5, NAN]),
        (pandas.Categorical([30, 40]), [30, 40]),
        (np.array([1, None], dtype=object), [1, NAN]),
        (np.array([True, pandas.NA], dtype=object), [1, NAN]),
        (pandas.arrays.SparseArray([0.0, 1.5]), [0, 1.5]),
    ],
)
def test_columns_of_numbers_are_taken(column, values):
    read = read_frame(pandas.DataFrame({"x": column, "y": [0.5, 0.5]}))
    assert read.values.dtype == np.float64
    np.testing.assert_array_equal(read.values, [[values[0], 0.5], [values[1], 0.5]])


@pytest.mark.parametrize(
    "column",
    [
        ["a", "b"],
        pandas.array(["1", "2"], dtype="string"),
        pandas.array(["1", "2"], dtype=pandas.ArrowDtype(pyarrow.string())),
        pandas.to_datetime(["2024-01-01", "2024-01-02"]),
        pandas.date_range("2024-01-01", periods=2, tz="UTC"),
        pandas.to_timedelta([1, 2]),
        pandas.period_range("2024-01", periods=2, freq="M"),
        pandas.Categorical(["on", "off"]),
        [1 + 2j, 3],
        [[1], [2]],
        np.array([1, "a"], dtype=object),
    ],
)
def test_other_columns_are_refused_by_name(column):
    with pytest.raises(DataError, match=r"Column 'x' holds .*, not numbers: convert it, leave it out with ignore="):
        read_frame(pandas.DataFrame({"y": [0.5, 0.5], "x": column}))
    assert read_frame(pandas.DataFrame({"y": [0.5, 0.5], "x": column}), without=["x"]).columns.names == ("y",)


TABLE = pyarrow.table({"load": [1, 2, None], "temp": [True, False, None]})


@pytest.mark.parametrize("make", [lambda table: table, Interchange, Stream])
def test_tables_of_other_libraries_are_read(make):
    table = make(TABLE)
    assert is_frame(table)
    read = read_frame(table)
    assert read.columns.names == frame_columns(table).names == ("load", "temp")
    np.testing.assert_array_equal(read.values, [[1, 1], [2, 0], [NAN, NAN]])


def test_arrow_types_and_record_batches():
    table = pyarrow.table(
        {"d": pyarrow.array([Decimal("1.5"), None]), "c": pyarrow.array([2.5, 3.5]).dictionary_encode()}
    )
    np.testing.assert_array_equal(read_frame(table.to_batches()[0]).values, [[1.5, 2.5], [NAN, 3.5]])
    with pytest.raises(DataError, match="Column 's' holds string, not numbers"):
        read_frame(pyarrow.table({"s": ["a"]}))


def test_records_of_numpy_are_read():
    records = np.array([(1.0, 2)], [("load", float), ("on", int)])
    assert read_frame(records).columns.names == ("load", "on")
    with pytest.raises(DataError, match="Column 'on' holds <U1"):
        read_frame(np.array([(1.0, "a")], [("load", float), ("on", "U1")]))


def test_names_are_told_apart():
    with pytest.raises(DataError, match="Two columns are called 'a'"):
        read_frame(pandas.DataFrame([[1.0, 2.0]], columns=["a", "a"]))
    with pytest.raises(DataError, match="The frame has no column 'lod' to ignore"):
        read_frame(pandas.DataFrame({"load": [1.0]}), without=["lod"])
    two = pandas.DataFrame([[1.0, 2.0]], columns=pandas.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert read_frame(two).columns.names == ("a.1", "a.2")


def test_arrays_and_series_are_no_frames():
    assert not any(map(is_frame, (np.zeros((3, 2)), pandas.Series([1.0]), [1.0], {"a": 1})))


def test_frames_of_float32_stay_so():
    assert read_frame(pandas.DataFrame({"a": np.float32([1]), "b": np.float32([2])})).values.dtype == np.float32
