"""Tables of one's own, CSV and Parquet."""

import numpy as np
import pandas
import pytest

from tsreward.data.columns import TableColumns
from tsreward.detection.datasets.own_tables import load_tables, read_table
from tsreward.errors import DataError, OptionError, ShapeError

TEXT = "when,a,b,attack\n2024-05-01 00:00:00,1,2,0\n2024-05-01 00:01:00,3,4,1\n2024-05-01 00:02:00,5,6,0\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "web.csv"
    path.write_text(TEXT)
    return path


def test_a_table_becomes_a_series(path):
    series = read_table(path, label="attack", time="when")
    assert series.name == "web"
    assert series.columns == ("a", "b")
    assert series.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert series.labels is not None
    assert series.labels.tolist() == [False, True, False]
    assert series.index.tolist() == pandas.date_range("2024-05-01", periods=3, freq="min").to_pydatetime().tolist()


def test_labels_and_time_are_optional(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("t,a\n10,1\n20.5,2\n")
    series = read_table(path)
    assert series.columns == ("t", "a")
    assert series.labels is None
    assert series.index is None
    assert read_table(path, time="t").index.tolist() == [10, 20.5]


def test_parquet_and_its_index(tmp_path):
    stamps = pandas.date_range("2024-05-01", periods=4, freq="h")
    data = pandas.DataFrame({"a": np.arange(4.0), "label": [0, 0, 1, 0]}, index=stamps)
    data.to_parquet(tmp_path / "x.parquet")
    (task,) = load_tables(tmp_path / "x.parquet")
    assert task.test.index.tolist() == stamps[2:].to_pydatetime().tolist()
    assert task.test.values.tolist() == [[2], [3]]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [True, False]
    data.reset_index(names="time").to_parquet(tmp_path / "y.parquet")
    series = read_table(tmp_path / "y.parquet", label="label", time="time")
    assert series.columns == ("a",)
    assert series.index[0] == stamps[0]


def test_folders_are_read_in_natural_order_and_split(tmp_path):
    for name in ("web-10.csv", "web-9.CSV", ".hidden.csv"):
        (tmp_path / name).write_text("a,label\n1,0\n2,1\n3,1\n4,0\n")
    (tmp_path / "README.md").write_text("not a table")
    tasks = load_tables(tmp_path, train_fraction=0.25)
    assert [task.name for task in tasks] == ["web-9", "web-10"]
    assert [(len(task.train), len(task.test)) for task in tasks] == [(1, 3), (1, 3)]
    (tmp_path / "web-9.parquet").touch()
    with pytest.raises(DataError, match=r"web-9\.CSV and .*web-9\.parquet have the same name"):
        load_tables(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "web.csv has no column 'label': it has when, a, b, attack"),
        ({"label": "attack"}, "web.csv: row 1 of column 'when' must be a finite number, found '2024-05-01"),
        ({"label": "attack", "time": "date"}, "web.csv has no column 'date'"),
        ({"label": "b", "time": "when"}, "web.csv: row 1 of label column 'b' must be 0 .*, found '2'"),
    ],
)
def test_columns_must_fit(path, options, message):
    with pytest.raises(DataError, match=message):
        load_tables(path, **options)


def test_other_files(tmp_path, path):
    with pytest.raises(DataError, match=r"log\.txt: expected a file that ends in \.csv or \.parquet"):
        read_table(tmp_path / "log.txt")
    with pytest.raises(DataError, match=r"There is no file .*none\.csv"):
        load_tables(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty has no file that ends in \.csv or \.parquet"):
        load_tables(tmp_path / "empty")
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1"):
        load_tables(path, label="attack", time="when", train_fraction=2)
    path.write_text("label\n0\n1\n")
    with pytest.raises((DataError, ShapeError), match="has no column of values"):
        load_tables(path)


def test_labels_of_what_is_normal(tmp_path):
    path = tmp_path / "safe.csv"
    path.write_text("t,a,safe\n1,1,1\n2,2,0\n3,3,1\n")
    for columns in (TableColumns(), TableColumns(label="safe", label_means="normal", missing="drop")):
        series = read_table(path, label="safe", time="t", columns=columns)
        assert series.labels is not None and series.labels.tolist() == [False, True, False]
    series = read_table(path, columns=TableColumns(label="safe", label_means="anomalous"))
    assert series.labels is not None and series.labels.tolist() == [True, False, True]
