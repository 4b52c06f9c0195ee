"""Names are chosen in natural order, tables become series, and series are split."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, chosen, read_series, split_in_time
from tsreward.detection.datasets.synthetic import smd_like, write_smd
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series


def test_names_are_chosen_once_in_natural_order():
    found = ["m-10", "m-9", "m-1"]
    assert chosen("machine", found, None) == ["m-1", "m-9", "m-10"]
    assert chosen("machine", found, ["m-10", "m-9", "m-10"]) == ["m-9", "m-10"]
    assert chosen("machine", found, "m-9") == ["m-9"]
    with pytest.raises(OptionError, match="Unknown machine 'm-99': did you mean 'm-9'"):
        chosen("machine", found, ["m-1", "m-99"])


def table(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_text(content)
    return open_table(path)


def test_columns_become_a_series(tmp_path):
    with table(tmp_path, "time,a,b,label\n2024-01-01,1,2e0,0\n\n2024-01-02,-3,4,1\n") as log:
        series = read_series(log, ["b", "a"], "x", "label", "time")
        assert read_series(log, ["b"], "y", time="a").index.tolist() == [1, -3]
    assert (series.name, series.columns) == ("x", ("b", "a"))
    assert series.values.tolist() == [[2, 1], [4, -3]]
    assert series.labels is not None and series.labels.tolist() == [False, True]
    assert series.index.tolist() == [datetime(2024, 1, 1), datetime(2024, 1, 2)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,label\n1,0\n2,2\n", "row 2 of label column 'label' must be 0 .*, found '2'"),
        ("a,label\n1,0\n2,-1\n", "row 2 of label column 'label' must be 0 .*, found '-1'"),
        ("a,label\n1,0\n2,yes\n", "row 2 of column 'label' must be a finite number, found 'yes'"),
        ("a,label\n1,0\n2,\n", "row 2 of column 'label' must be a finite number, found nothing"),
        ("a\n1\n", "has no column 'label': it has a"),
        ("time,label\n1,0\n", "has no column of values"),
        ("time,a,label\n2024-01-01,1,0\nlater,2,0\n", "row 2 of column 'time' must be ISO 8601 .*, found 'later'"),
        ("time,a,label\nlater,1,0\n", "row 1 of column 'time' must be a number or ISO 8601 .*, found 'later'"),
        ("time,a,label\n2024-01-01,1,0\n,2,0\n", "row 2 of column 'time' .*, found nothing: fill, convert or drop"),
        ("time,a,label\n2024-01-01,1,0\n01.02.2024,2,0\n", "row 2 of column 'time' must be ISO 8601"),
        ("time,a,label\n5,1,0\n2024-01-01,2,0\n", "row 2 of column 'time' must be a number, found '2024-01-01'"),
    ],
)
def test_malformed_tables_are_named_with_the_place(tmp_path, content, message):
    with table(tmp_path, content) as log, pytest.raises(DataError, match=f"log.csv.*{message}"):
        columns = [name for name in log.names if name not in ("time", "label")]
        read_series(log, columns, "x", "label", "time" if "time" in log.names else None)


SERIES = Series(np.arange(7.0)[:, None], labels=np.arange(7) > 5, name="x", columns=("a",), index=np.arange(7) * 10)


def test_both_parts_keep_everything():
    task = split_in_time(SERIES, 0.5)
    assert task.name == task.train.name == task.test.name == "x"
    assert task.train.values.tolist() == [[0], [1], [2]]
    assert task.test.index.tolist() == [30, 40, 50, 60]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, False, False, True]
    assert task.train.columns == task.test.columns == ("a",)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_lie_between_0_and_1(fraction):
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1, both excluded, got"):
        split_in_time(SERIES, fraction)


def test_no_row_to_learn_from():
    with pytest.raises(DataError, match=r"'x' has 7 rows: a train_fraction of 0.1 leaves no training row"):
        split_in_time(SERIES, 0.1)


def test_the_names():
    assert list(LOADERS) == sorted(
        ["smd", "yahoo", "wadi", "nab", "telemanom", "asd", "tsb-ad", "csv", "parquet", "files"]
    )


def test_a_loader_takes_a_path(tmp_path):
    write_smd(smd_like(seed=0, count=1, steps=400), tmp_path)
    assert [task.name for task in LOADERS["smd"](tmp_path)] == ["machine-1-1"]


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("place", ["none", "."])
def test_missing_and_empty_folders(tmp_path, name, place):
    with pytest.raises(DataError, match=str(tmp_path)):
        LOADERS[name](Path(tmp_path / place))
