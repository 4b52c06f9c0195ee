"""Series, and what cannot be one."""

import numpy as np
import pandas as pd
import pytest

from tsreward.errors import DataError, ShapeError
from tsreward.sequences.series import DetectionTask, Series, as_series


def test_values_become_float64_and_labels_bool() -> None:
    series = Series(np.arange(6, dtype=np.int32).reshape(3, 2), labels=np.array([0, 1, 1]), columns=("a", "b"))
    assert series.values.dtype == np.float64
    assert series.labels.tolist() == [False, True, True]
    assert (len(series), series.dim, series.column(1)) == (3, 2, "b")


def test_rows_cut_everything() -> None:
    series = Series(np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 0]), "s", ("a", "b"), np.array([10, 20, 30, 40]))
    part = series.rows(1, 3)
    assert part.values.tolist() == [[2, 3], [4, 5]]
    assert (part.labels.tolist(), part.index.tolist(), part.name, part.columns) == (
        [False, True],
        [20, 30],
        "s",
        ("a", "b"),
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"values": np.zeros(3)}, ShapeError, r"expects numbers \[T, D\], one row per time step, got \[3\] of float64"),
        ({"values": np.zeros((0, 2))}, ShapeError, r"got \[0, 2\]"),
        ({"values": np.array([["a"]])}, ShapeError, r"got \[1, 1\] of <U1"),
        ({"values": np.array([[1.0], [np.nan]]), "columns": ("load",)}, DataError, "row 1 of column 'load' is nan"),
        ({"values": np.zeros((2, 1)), "columns": ("a", "b")}, ShapeError, "has 1 columns, but 2 names"),
        ({"values": np.zeros((2, 1)), "labels": np.zeros(3)}, ShapeError, "has 2 rows, but 3 in its labels"),
        ({"values": np.zeros((2, 1)), "labels": np.array([0, 2])}, DataError, r"expects labels \[T\] of 0"),
        ({"values": np.zeros((2, 1)), "index": [1]}, ShapeError, "has 2 rows, but 1 in its index"),
    ],
)
def test_what_cannot_be_a_series_is_refused(given, error, message) -> None:
    with pytest.raises(error, match=message):
        Series(**given)


def test_data_frames_and_arrays_become_series() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=[5, 6])
    series = as_series(frame)
    assert series.columns == ("a", "b")
    assert list(series.index) == [5, 6]
    assert as_series(frame["a"]).values.tolist() == [[1.0], [2.0]]
    assert as_series(series) is series


def test_tasks_need_labels_and_one_width() -> None:
    labelled = Series(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(DataError, match="has no labels"):
        DetectionTask("t", labelled, Series(np.zeros((3, 1))))
    with pytest.raises(ShapeError, match="training rows of 2 columns, but test rows of 1"):
        DetectionTask("t", Series(np.zeros((3, 2))), labelled)
