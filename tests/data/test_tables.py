"""Tables in text and Parquet are read strictly: every cell is one number or as it stands, or its place is told."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsreward.data import delimited, parquet_table
from tsreward.data.tables import TextTable, open_table
from tsreward.errors import DataError, MissingExtraError

CELLS = st.text(alphabet='ab1,"\n\r é', max_size=6)


def write(tmp_path, content, name="log.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbers(path, *names, **options):
    """Return the columns [T, M], all of them by default."""
    with open_table(path) if not options else TextTable(path, **options) as table:
        return table.read(names or table.names).numbers


@st.composite
def texts(draw) -> str:
    """Return valid CSV of at least two columns, cells of which are quoted where they need it or by chance."""
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8))
    always = draw(st.booleans())
    ends = draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=len(rows), max_size=len(rows)))
    lines = [",".join(_quoted(cell, always) for cell in row) for row in rows]
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _quoted(cell: str, always: bool) -> str:
    return '"' + cell.replace('"', '""') + '"' if always or any(mark in cell for mark in ',"\n\r') else cell


def naive(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]


@settings(max_examples=100, deadline=None)
@given(texts(), st.integers(1, 40))
def test_cells_are_read_as_they_stand_in_chunks_of_any_size(tmp_path_factory, text, block):
    expected = naive(text)
    names = [f"c{number}" for number in range(len(expected[0]))]
    path = write(tmp_path_factory.mktemp("text"), ",".join(names) + "\n" + text)
    with pytest.MonkeyPatch.context() as patch, open_table(path) as table:
        patch.setattr(delimited, "BLOCK", block)
        rows, first = [], 1
        for chunk in table.chunks(texts=names):
            assert chunk.first == first
            rows += zip(*map(chunk.texts, names), strict=True)
            first = len(rows) + 1
    assert [list(row) for row in rows] == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='a1,."\n\r-e', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("bytes"), b"a,b\n" + content)
    try:
        assert np.isfinite(numbers(path)).all()
    except DataError as error:
        assert str(path) in str(error)


@settings(max_examples=300, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.from_regex(r"[+-]?([0-9]{1,25}\.?[0-9]{0,25}|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?", fullmatch=True)
)
def test_numbers_are_rounded_as_python_rounds_them(tmp_path_factory, cell):
    path = write(tmp_path_factory.mktemp("number"), f"a,b\n{cell}, {cell}\n")
    assert [repr(value) for value in numbers(path)[0].tolist()] == [repr(float(cell))] * 2


@pytest.mark.parametrize(
    "content",
    [
        "a,b,c\n1,2.5,0\n3,4e0,1\n",
        "\ufeffa,b,c\r\n1,2.5,0\r\n\r\n3,4,1\r\n",
        'a, "b" ,c\n 1 , 2.5,False\n \n"3",+4.,True\n'.replace(' "b" ', '"b"'),
        "\n\r\na , b,c\r1,2.5,0\r\r3,4,1",
    ],
)
def test_columns_become_numbers(tmp_path, content):
    path = write(tmp_path, content)
    assert numbers(path).tolist() == [[1, 2.5, 0], [3, 4, 1]]
    assert numbers(path, "c", "a").tolist() == [[0, 1], [1, 3]]
    packed = write(tmp_path, gzip.compress(content.encode()), "log.csv.gz")
    assert numbers(packed, "b").tolist() == [[2.5], [4]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it needs a header in its first line"),
        ("\n \n", "is empty"),
        ("a,b\n", "has a header but no row below it"),
        ("a,b\n\n \n", "has a header but no row below it"),
        ("a,b\n1,2\n3,4,5\n", "row 2 has 3 in place of 2 cells: give every row one cell per column"),
        ("a,b\n \n1,2\n\n \n3,4,5\n", "row 2 has 3 in place of 2 cells"),
        ("a,b\n1,2,3\n4,5,6\n", "row 1 has 3 in place of 2 cells"),
        ("a,b\n1,2\n3\n", "row 2 has 1 in place of 2 cells"),
        ("a,b\n1,2\n3,\n", "row 2 of column 'b' must be a finite number, found nothing: fill or drop the row"),
        ("a,b,a\n1,2,3\n", "has two columns 'a': rename one of them"),
        ("a,a \n1,2\n", "has two columns 'a'"),
        (",a,b\n0,1,2\n", "column 1 has no name in the header"),
        ("a,b\n1,2\n3,x y\n", "row 2 of column 'b' must be a finite number, found 'x y': fill or drop the row"),
        ("a,b\n1,2\n\n3,NULL\n", "row 2 of column 'b' must be a finite number, found 'NULL'"),
        ("a,b\n1,2\ninf,1\n", "row 2 of column 'a' must be a finite number, found 'inf'"),
        ("a,b\n1,1e400\n", "row 1 of column 'b' must be a finite number, found '1e400'"),
        (f"a,b\n1,{'9' * 400}\n", "row 1 of column 'b' must be a finite number, found '9999"),
        ("a,b\n1,1_000\n", "found '1_000'"),
        ("a,b\n1,0x10\n", "found '0x10'"),
        ("a,b\n1,\u0661\n", "row 1 of column 'b'"),
        ('a,b\n"1\n0",2\n', r"row 1 of column 'a' .* found '1\\n0'"),
        ('a,b\n"1,5",2\n', "found '1,5': write numbers with a decimal point"),
        ("a,b\n2024-05-01,2\n", "found '2024-05-01': name the column of time stamps"),
        ("a;b\n1;2\n", "seems to be separated by ';'"),
        ("a;b\n1,5;2\n2,5;3\n", "seems to be separated by ';', with decimal commas: tsreward reads commas"),
        ("a,b\n1,2\na,b\n3,4\n", "row 2 of column 'a' .* found 'a': the header stands here again"),
        ('{"a": 1, "b": 2}\n{"a": 2, "b": 3}\n', "is in JSON: write it as CSV or Parquet"),
        ('[{"a": 1}, {"a": 2}]', "is in JSON"),
        (b"\x80\x05\x95\x0f\x00", "is a pickle, which could run any code: write it as Parquet or CSV"),
        ("a\tb\n1\t2\n", r"seems to be separated by '\\t'"),
        ('a,b\n"1,2\n', "line 2 has a quote in the middle of a cell, or one that is never closed: put a cell"),
        ('a,b\n1,2\n"1\n2"x,2\n', "line 3 has a quote"),
        ('a,b\n1, "2"\n', "line 2 has a quote"),
        ('a,"b\n1,2\n', "line 1 has a quote"),
        ("a,b\n1,2\n".encode("utf-16"), "is in UTF-16: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "line 1 holds a NUL byte"),
        (b"a,b\n1,\xff\n", "line 2 is not UTF-8: save the file as UTF-8"),
        (b"\x1f\x8b\x08\x00rest", "is compressed with gzip: unpack it, or name it .csv.gz"),
        (b"PAR1rest", "is a Parquet file: name it .parquet"),
        ("a,b\n1,\x002\n", "line 2 holds a NUL byte"),
    ],
)
def test_malformed_files_are_named_with_the_place(tmp_path, content, message):
    with pytest.raises(DataError, match=f"log.csv.*{message}"):
        numbers(write(tmp_path, content))


def test_places_beyond_the_first_block_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK", 100)
    good = "a,b\n" + '1,"2"\r\n' * 300
    for bad, message in (
        ("1,x", "row 301 of column 'b'"),
        ("1", "row 301 has 1 in"),
        ("1,\0", "line 302 holds a NUL"),
        ('1,"x', "line 302 has a quote"),
    ):
        with pytest.raises(DataError, match=message):
            numbers(write(tmp_path, good + bad + "\n"))
    with pytest.raises(DataError, match="line 302 is not UTF-8"):
        numbers(write(tmp_path, good.encode() + b"\xff,1\n"))


def test_gaps_are_kept_where_they_may_be(tmp_path):
    with open_table(write(tmp_path, "a,b\n1,2\n3,\n,NaN\n")) as table:
        assert np.isnan(table.read(["a", "b"], gaps=True).numbers).tolist() == [[0, 0], [0, 1], [1, 1]]
    for content, place in (("a,b\n,2\n3,x\n", "row 2 of column 'b' .* found 'x'"), ("a,b\ninf,2\n", "row 1 .* 'inf'")):
        with open_table(write(tmp_path, content)) as table, pytest.raises(DataError, match=place):
            table.read(["a", "b"], gaps=True)


def test_lines_above_the_header_are_left_out(tmp_path):
    path = write(tmp_path, 'junk,"\n\nb\nx/a,x/b\n1,2\n3,4\n')
    with TextTable(path, above=3, rename=lambda name: name.removeprefix("x/")) as table:
        assert table.names == ["a", "b"]
        assert table.read(["b"]).numbers.tolist() == [[2], [4]]
    with pytest.raises(DataError, match="is empty: it needs a header below line 7 and rows below it"):
        TextTable(path, above=7)
    with pytest.raises(DataError, match="line 6 is not UTF-8"):
        numbers(write(tmp_path, b"junk\n\nb\na,b\n1,2\n3,\xff\n"), above=3)


@pytest.mark.parametrize(
    "content", ["1,2.5\n3,-4e-1\n", "1,2.5\r\n3,-4e-1\r\n", "\ufeff1,2.5\n3,-4e-1", " 1 , 2.5\n3,-.4\n"]
)
def test_without_a_header_every_line_is_a_row(tmp_path, content):
    assert numbers(write(tmp_path, content), header=False).tolist() == [[1, 2.5], [3, -0.4]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it needs rows of numbers"),
        ("\n", "is empty"),
        ("1,2\n3\n", "row 2 has 1 in place of 2 cells"),
        ("1,2\n3,4,\n", "row 2 has 3 in place of 2 cells"),
        ("1,2\n,4\n", "row 2 of column '1' must be a finite number, found nothing"),
        ("1,2\n\n3,4\n", "row 2"),
        ("1,2\n \n3,4\n", "row 2 has 1 in place of 2 cells"),
        ("1,2\n3,4\n\n", "row 3"),
        ("1\n\n2\n", "row 2 of column '1' must be a finite number, found nothing"),
        ("1\n2\n\n", "row 3 of column '1' must be a finite number, found nothing"),
        ("\n1,2\n", "row"),
        ("a,b\n1,2\n", "row 1 of column '1' .* found 'a'"),
        ("1;2\n3;4\n", "row 1 of column '1' .* found '1;2'"),
        ("1,2 # note\n", "row 1 of column '2' .* found '2 # note'"),
    ],
)
def test_malformed_files_without_a_header(tmp_path, content, message):
    with pytest.raises(DataError, match=f"log.csv.*{message}"):
        numbers(write(tmp_path, content), header=False)


def test_labels_are_0_and_1(tmp_path):
    with open_table(write(tmp_path, "a\n1\n")) as table:
        assert table.labels(np.array([0.0, 1.0]), "y").tolist() == [False, True]
        with pytest.raises(
            DataError, match=r"row 4 of label column 'y' must be 0 \(normal\) or 1 .*, found '-1': conv"
        ):
            table.labels(np.array([0.0, -1.0]), "y", first=3)


def test_columns_that_are_asked_for_must_be_there(tmp_path):
    path = write(tmp_path, ",".join(f"c{number}" for number in range(40)) + "\n")
    with open_table(path) as table:
        with pytest.raises(DataError, match=r"no column 'x': it has c0, .*, c11 and 28 more\."):
            table.require(["c7", "x"])
        with pytest.raises(DataError, match=r"no column 'y'"):
            table.read(["y"])
    with pytest.raises(DataError, match=r"There is no file .*none.csv"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="cannot be read as a table: it is a folder"):
        open_table(tmp_path)
    with pytest.raises(DataError, match=r"first line is no header .*name the columns there"):
        open_table(write(tmp_path, b'a,"' + b"x" * 200_000 + b'"\n'))


def test_a_hundred_thousand_columns_are_read(tmp_path):
    width = 100_000
    path = write(tmp_path, ",".join(f"c{number}" for number in range(width)) + "\n" + f"{'1.5,' * (width - 1)}2\n" * 2)
    values = numbers(path)
    assert values.shape == (2, width)
    assert values.sum() == 2 * (1.5 * (width - 1) + 2)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_changes_is_refused(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(delimited, "BLOCK", 100)
    monkeypatch.setattr(parquet_table, "ROWS", 100)
    path = tmp_path / f"log.{ending}"
    changes = {
        "grew": lambda: path.write_bytes(path.read_bytes() * 2),
        "shrank": lambda: os.truncate(path, 50),
        "was written to": lambda: os.utime(path, ns=(0, 0)),
    }
    data = pandas.DataFrame({"a": np.arange(300.0)})
    for word, change in changes.items():
        data.to_csv(path, index=False) if ending == "csv" else data.to_parquet(path)
        with open_table(path) as table:
            chunks = table.chunks(["a"])
            next(chunks)
            change()
            with pytest.raises(DataError, match=f"{word} while it was read"):
                list(chunks)
    data.to_csv(path, index=False) if ending == "csv" else data.to_parquet(path)
    with open_table(path) as table:
        chunks = table.chunks(["a"])
        rows = [next(chunks)]
        path.unlink()
        rows += chunks
    assert np.concatenate([part.numbers[:, 0] for part in rows]).tolist() == data["a"].tolist()


def test_parquet_is_read_the_same_way(tmp_path):
    path = tmp_path / "log.parquet"
    stamps = pandas.date_range("2024-01-01", periods=3, freq="min")
    data = pandas.DataFrame(
        {
            "time": stamps,
            "a": [1.0, 2.0, None],
            "b ": np.array([1, 2, 2**60 + 1]),
            "text": ["4", " 5.5", "True"],
            "label": [False, True, False],
            "kind": pandas.Categorical(["x", "y", "x"]),
            "list": [[1], [2], [3]],
            "bad": ["1", None, "z"],
        },
        index=pandas.Index([7, 8, 9], name="row"),
    )
    data.to_parquet(path)
    with open_table(path) as table:
        assert table.names == ["time", "a", "b", "text", "label", "kind", "list", "bad", "row"]
        assert table.index == ("row",)
        rows = table.read(["b", "text", "label", "row"], ["time", "kind", "b", "list", "bad"])
        assert rows.numbers.tolist() == [[1, 4, 0, 7], [2, 5.5, 1, 8], [2.0**60, 1, 0, 9]]
        assert rows.texts("time")[1].startswith("2024-01-01 00:01:00")
        assert rows.texts("kind") == ["x", "y", "x"]
        assert rows.texts("b") == ["1", "2", str(2**60 + 1)]
        assert rows.texts("bad") == ["1", "", "z"]
        assert rows.texts("list")[0] == "[1]"
        assert np.isnan(table.read(["a"], gaps=True).numbers[:, 0]).tolist() == [False, False, True]
        for name, message in (
            ("a", "row 3 of column 'a' must be a finite number, found nothing|found 'nan'"),
            ("bad", "row 2 of column 'bad' must be a finite number, found nothing"),
            ("kind", "row 1 of column 'kind' .* found 'x'"),
            ("time", "row 1 of column 'time' .* found '2024-01-01 00:00:00': name the column of time stamps"),
            ("list", "row 1 of column 'list' must be a number, found 'a cell of list<"),
        ):
            with pytest.raises(DataError, match=message):
                table.read([name])


def test_malformed_parquet(tmp_path):
    path = write(tmp_path, b"PAR1 not really", "log.parquet")
    with pytest.raises(DataError, match=r"log.parquet cannot be read as Parquet"):
        open_table(path)
    pandas.DataFrame({"a": []}).to_parquet(path)
    with open_table(path) as table, pytest.raises(DataError, match=r"log.parquet has no row"):
        table.read(["a"])
    pandas.DataFrame({"a": [1], "a ": [2]}).to_parquet(path)
    with pytest.raises(DataError, match=r"log.parquet has two columns 'a'"):
        open_table(path)


def test_a_missing_pyarrow_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow is not installed.*pip install .*\[logs\]"):
        open_table(write(tmp_path, "a\n1\n"))
