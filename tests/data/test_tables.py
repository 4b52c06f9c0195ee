"""CSV files and arrays become finite tables, or an error that names file, row, column and what was expected."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tsreward.data.tables import read_columns, read_csv, table_of
from tsreward.errors import DataError, MissingExtraError


def write(tmp_path, content: str | bytes):
    path = tmp_path / "log.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "a,b,attack\n1,2.5,0\n3,4e0,1\n",
        "\ufeffa,b,attack\r\n1,2.5,0\r\n\r\n3,4,1\r\n",
        'a,"b",attack\n 1 , 2.5,False\n"3",4,True\n',
    ],
)
def test_columns_become_values_and_labels(tmp_path, content):
    table = read_csv(write(tmp_path, content), label="attack")
    assert table.values.dtype == np.float32
    assert table.values.tolist() == [[1, 2.5], [3, 4]]
    assert table.labels is not None
    assert table.labels.tolist() == [0, 1]


def test_ignored_columns_may_hold_anything(tmp_path):
    table = read_csv(write(tmp_path, "time,a,host\n2020-01-01,1,x\n2020-01-02,2,\n"), ignore=("time", "host"))
    assert table.values.tolist() == [[1], [2]]
    assert table.labels is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it needs a header in its first line"),
        ("a,b\n", "has a header but no row below it"),
        ("a,b\n1,2\n3,4,5\n", "row 2 has 3 in place of 2 cells: give every row one cell per column"),
        ("a,b\n1,2,3\n4,5,6\n", "row 1 has 3 in place of 2 cells"),
        ("a,b\n1,2\n3\n", "row 2 has 1 in place of 2 cells"),
        ("a,b\n1,2\n3,\n", "row 2 of column 'b' must be a finite number, found nothing: fill or drop the row"),
        ("a,b,a\n1,2,3\n", "has two columns 'a': rename one of them"),
        (",a,b\n0,1,2\n", "column 1 has no name in the first line"),
        ("a,b\n1,2\n3,x y\n", "row 2 of column 'b' must be a finite number, found 'x y': fill or drop the row"),
        ("a,b\n1,2\n3,NULL\n", "row 2 of column 'b' must be a finite number, found 'NULL'"),
        ("a,b\n1,2\ninf,1\n", "row 2 of column 'a' must be a finite number, found 'inf'"),
        ("a,b\n1,1e400\n", "row 1 of column 'b' must be a finite number, found '1e400'"),
        ("a,b\n1,2\n3,1e39\n", "row 2 of column 'b' must be a finite number within float32, found 1e"),
        ("a;b\n1;2\n", "seems to be separated by ';'"),
        ("a\tb\n1\t2\n", r"seems to be separated by '\\t'"),
        ('a,b\n"1,2\n', "line 2 has a quote that is never closed: put a cell that holds quotes"),
        ("a,b\n1,2\n".encode("utf-16"), "is in UTF-16: save it as UTF-8"),
        (b"a,b\n1,\xff\n", "line 2 is not UTF-8: save the file as UTF-8"),
        (b"\x1f\x8b\x08\x00rest", "is compressed with gzip: unpack it, or name it .csv.gz"),
        ("a,b\n1,\x002\n", "line 2 holds a NUL byte"),
    ],
)
def test_malformed_files_are_named_with_the_place(tmp_path, content, message):
    with pytest.raises(DataError, match=f"log.csv.*{message}"):
        read_csv(write(tmp_path, content))


def test_columns_that_are_asked_for_must_be_there(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    with pytest.raises(DataError, match="has no column 'attack': it has a, b"):
        read_csv(path, label="attack")
    with pytest.raises(DataError, match="has no column left without a, b"):
        read_csv(path, label="b", ignore=("a",))
    with pytest.raises(DataError, match=r"There is no file .*none.csv"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_csv(tmp_path)


def test_a_missing_pandas_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pandas is not installed.*pip install 'tsreward\[logs\]'"):
        read_csv(write(tmp_path, "a\n1\n"))


def test_arrays_become_tables():
    assert table_of(np.arange(6).reshape(3, 2), "x").values.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert table_of(np.ones((2, 1), ">f8"), "x").values.dtype == np.float32


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"log.npz must be \[T, D\], one row per time step, found shape \[3\]"),
        (np.ones((2, 3, 4)), r"found shape \[2, 3, 4\]"),
        (np.ones((0, 3)), r"found shape \[0, 3\]"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), "log.npz: row 2, column 2 must be a finite number within float32"),
        (np.array([[1e39]]), "row 1, column 1 must be a finite number within float32"),
    ],
)
def test_arrays_of_another_kind_are_refused(array, message):
    with pytest.raises(DataError, match=message):
        table_of(array, "log.npz")


def test_single_columns_come_from_csv_and_npz(tmp_path):
    np.savez(tmp_path / "s.npz", score=np.array([0.5, 1.5]), label=np.array([False, True]), wide=np.ones((2, 2)))
    csv = write(tmp_path, "score,label\n0.5,0\n1.5,1\n")
    for path in (tmp_path / "s.npz", csv):
        columns = read_columns(path, ("score", "label"))
        assert {name: column.tolist() for name, column in columns.items()} == {"score": [0.5, 1.5], "label": [0, 1]}
        with pytest.raises(DataError, match=r"has no (column|array) 'truth': it has score, label"):
            read_columns(path, ("truth",))
    with pytest.raises(DataError, match=r"'wide' must be finite numbers \[T\], found shape \[2, 2\]"):
        read_columns(tmp_path / "s.npz", ("wide",))
