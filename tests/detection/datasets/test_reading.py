"""Names are in natural order, and an unknown one is told with its neighbours."""

import sys

import numpy as np
import pandas
import pytest

from tsreward.detection.datasets.reading import chosen, natural, read_csv, read_parquet, split
from tsreward.errors import DataError, MissingExtraError, OptionError
from tsreward.sequences.series import Series


def test_natural_order():
    names = ["machine-1-10", "machine-1-2", "10a", "2a", "machine", "A-1", ""]
    assert sorted(names, key=natural) == ["", "2a", "10a", "A-1", "machine", "machine-1-2", "machine-1-10"]


def test_names_are_chosen_once_in_natural_order():
    found = ["m-10", "m-9", "m-1"]
    assert chosen("machine", found, None) == ["m-1", "m-9", "m-10"]
    assert chosen("machine", found, ["m-10", "m-9", "m-10"]) == ["m-9", "m-10"]
    assert chosen("machine", found, "m-9") == ["m-9"]
    with pytest.raises(OptionError, match="Unknown machine 'm-99': did you mean 'm-9'"):
        chosen("machine", found, ["m-1", "m-99"])


def write(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def use(frame):
    """Read the columns a to b as values, `label` as labels and `time` as stamps, where they are there."""
    for name in frame.data.columns:
        {"label": frame.labels, "time": frame.stamps}.get(name, frame.numbers)(name)


def test_columns_become_arrays(tmp_path):
    frame = read_csv(write(tmp_path, '\ufefftime, a ,"b",label\r\n2024-01-01,1,2e0,0\r\n\r\n2024-01-02,-3,4,1\r\n'))
    assert frame.values(["b", "a"]).tolist() == [[2, 1], [4, -3]]
    assert frame.labels("label").tolist() == [False, True]
    assert frame.index("time").equals(pandas.to_datetime(["2024-01-01", "2024-01-02"]))
    assert frame.index("a").tolist() == [1, -3]


def test_lines_above_the_header_are_left_out_and_counted(tmp_path):
    path = write(tmp_path, "junk,\n\nb\na,b\n1,2\n3,x\n")
    with pytest.raises(DataError, match=r"log.csv, line 6, column 'b': expected a finite number, found 'x'"):
        use(read_csv(path, above=3))


def test_gaps_are_kept_where_they_may_be(tmp_path):
    frame = read_csv(write(tmp_path, "a,b\n1,2\n3,\n,NaN\n"), gaps=True)
    assert np.isnan(frame.values(["a", "b"])).tolist() == [[False, False], [False, True], [True, True]]
    with pytest.raises(DataError, match="line 3, column 'b': expected a finite number, found 'x'"):
        use(read_csv(write(tmp_path, "a,b\n,2\n3,x\n"), gaps=True))
    with pytest.raises(DataError, match="line 2, column 'a': expected a finite number, found 'inf'"):
        use(read_csv(write(tmp_path, "a,b\ninf,2\n3,4\n"), gaps=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected a line of column names"),
        ("\n\n", "is empty"),
        ("a,b\n", "has a header but no row below it"),
        ("a,b\n1,2\n3\n", "line 3 has 1 columns: expected 2, as in the header"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 columns: expected 2, as in the header"),
        ("a,b\n1,2,3\n4,5,6\n", "line 2 has 3 columns: expected 2, as in the header"),
        ("a,b,a\n1,2,3\n", "has two columns 'a': rename one of them"),
        ("a,a \n1,2\n", "has two columns 'a'"),
        (",a,b\n0,1,2\n", "column 1 has no name in the header"),
        ("a;b\n1;2\n", "seems to be separated by ';'"),
        ("a,b\n1,2\n3,x y\n", "line 3, column 'b': expected a finite number, found 'x y'"),
        ("a,b\n1,2\n\n3,NULL\n", "line 4, column 'b': expected a finite number, found 'NULL'"),
        ("a,b\n1,2\n,4\n", "line 3, column 'a': expected a finite number, found nothing"),
        ("a,b\n1,2\n3,inf\n", "line 3, column 'b': .* found 'inf'"),
        ("a,b\n1,1e999\n", "line 2, column 'b': .* found '1e999'"),
        (f"a,b\n1,2\nx,{'9' * 400}\n", "line 3, column 'a': .* found 'x'"),
        (f"a,b\n1,x\n3,{'9' * 400}\n", "line 2, column 'b': .* found 'x'"),
        ('a,b\n"1\n0",2\n', "line 3, column 'a': .* found '1"),
        ("a,label\n1,0\n2,2\n", "line 3, column 'label': expected a label 0 or 1, found '2'"),
        ("a,label\n1,0\n2,-1\n", "line 3, column 'label': expected a label 0 or 1, found '-1'"),
        ("a,label\n1,0\n2,yes\n", "line 3, column 'label': expected a finite number, found 'yes'"),
        ("a,label\n1,0\n2,\n", "line 3, column 'label': expected a finite number, found nothing"),
        ("time,a\n2024-01-01,1\nlater,2\n", "line 3, column 'time': expected a time stamp as in .*, found 'later'"),
        ("time,a\nlater,1\n2024-01-01,2\n", "line 2, column 'time': expected a time stamp"),
        ("time,a\n2024-01-01,1\n,2\n", "line 3, column 'time': expected a time stamp as in .*, found nothing"),
        ("time,a\n2024-01-01,1\n01.02.2024,2\n", "line 3, column 'time': expected a time stamp"),
        ("time,a\n5,1\n6,2\n", "line 2, column 'time': expected a time stamp as in .*, found '5'"),
        ('a,b\n"1,2\n', "cannot be read as CSV in UTF-8|line 2"),
        ("a,b\n1,2\n".encode("utf-16"), "cannot be read as CSV in UTF-8"),
        (b"a,b\n1,\xff\n", "cannot be read as CSV in UTF-8"),
        (b"\x1f\x8b\x08\x00rest", "cannot be read as CSV in UTF-8"),
    ],
)
def test_malformed_files_are_named_with_the_place(tmp_path, content, message):
    with pytest.raises(DataError, match=f"log.csv.*({message})"):
        use(read_csv(write(tmp_path, content)))


def test_columns_that_are_asked_for_must_be_there(tmp_path):
    frame = read_csv(write(tmp_path, "a,b\n1,2\n"))
    for ask in (frame.numbers, frame.labels, frame.index, frame.stamps):
        with pytest.raises(DataError, match=r"log.csv has no column 'c': it has a, b"):
            ask("c")
    with pytest.raises(DataError, match=r"log.csv has no column of values"):
        frame.values([])
    with pytest.raises(DataError, match=r"There is no file .*none\.csv"):
        read_csv(tmp_path / "none.csv")


def test_parquet_is_read_the_same_way(tmp_path):
    path = tmp_path / "log.parquet"
    stamps = pandas.date_range("2024-01-01", periods=3, freq="min")
    data = pandas.DataFrame({"time": stamps, "a": [1.0, 2.0, None], "b": [1, 2, 3], "label": [False, True, False]})
    data.to_parquet(path)
    frame = read_parquet(path)
    assert frame.numbers("b").tolist() == [1, 2, 3]
    assert frame.labels("label").tolist() == [False, True, False]
    assert frame.stamps("time").equals(pandas.DatetimeIndex(stamps))
    with pytest.raises(DataError, match=r"log.parquet, row 3, column 'a': expected a finite number, found 'nan'"):
        frame.numbers("a")
    with pytest.raises(DataError, match=r"row 1, column 'time': expected a number \(if it is the time"):
        frame.numbers("time")


def test_malformed_parquet(tmp_path):
    path = tmp_path / "log.parquet"
    with pytest.raises(DataError, match="There is no file"):
        read_parquet(path)
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"log.parquet cannot be read as Parquet"):
        read_parquet(path)
    pandas.DataFrame({"a": []}).to_parquet(path)
    with pytest.raises(DataError, match=r"log.parquet has no row"):
        read_parquet(path)
    pandas.DataFrame({"a": [1], "a ": [2]}).to_parquet(path)
    with pytest.raises(DataError, match=r"log.parquet has two columns 'a'"):
        read_parquet(path)


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_package_is_named_with_its_command(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    read = read_csv if package == "pandas" else read_parquet
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*pip install 'tsreward\[logs\]'"):
        read(write(tmp_path, "a\n1\n"))


SERIES = Series(np.arange(7.0)[:, None], labels=np.arange(7) > 5, name="x", columns=("a",), index=np.arange(7) * 10)


def test_both_parts_keep_everything():
    task = split(SERIES, 0.5)
    assert task.name == task.train.name == task.test.name == "x"
    assert task.train.values.tolist() == [[0], [1], [2]]
    assert task.test.index.tolist() == [30, 40, 50, 60]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, False, False, True]
    assert task.train.columns == task.test.columns == ("a",)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_lie_between_0_and_1(fraction):
    with pytest.raises(OptionError, match="train_fraction must be between 0 and 1, both excluded, got"):
        split(SERIES, fraction)


def test_no_row_to_learn_from():
    with pytest.raises(DataError, match=r"'x' has 7 rows: a train_fraction of 0.1 leaves no row to learn from"):
        split(SERIES, 0.1)
