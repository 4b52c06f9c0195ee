"""Records of CSV text are those that Python's own reader finds, wherever the text is cut."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsreward.data.csv_bytes import QuoteError, count_cells, last_border, record_ends
from tsreward.data.csv_rows import CsvRows, read_header
from tsreward.data.tables import read_csv
from tsreward.errors import DataError

CELLS = st.text(alphabet='ab1,"\n\r é', max_size=6)


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


@settings(max_examples=200, deadline=None)
@given(texts())
def test_records_and_cells_are_counted_as_the_csv_module_does(text):
    data = text.encode()
    ends = record_ends(data)
    assert ends[-1] == len(data)
    assert count_cells(data, ends).tolist() == [len(row) for row in naive(text)]


@settings(max_examples=200, deadline=None)
@given(texts(), st.data())
def test_a_border_lies_between_records(text, draw):
    data = text.encode()
    part = data[: draw.draw(st.integers(0, len(data)))]
    border = last_border(part, ended=False)
    assert border == 0 or border in record_ends(data)
    remaining = [end for end in record_ends(data) if border < end < len(part)]
    assert remaining == []


@settings(max_examples=60, deadline=None)
@given(texts(), st.integers(1, 40))
def test_cells_are_read_as_they_stand_in_chunks_of_any_size(tmp_path_factory, text, block):
    expected = naive(text)
    names = [f"c{number}" for number in range(len(expected[0]))]
    path = tmp_path_factory.mktemp("text") / "log.csv"
    path.write_bytes((",".join(names) + "\n" + text).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsreward.data.csv_bytes.BLOCK", block)
        with CsvRows(path) as rows:
            columns = [[] for _ in names]
            for chunk in rows.chunks((), names):
                for column, cells in zip(columns, chunk.texts, strict=True):
                    column += cells
    assert [list(row) for row in zip(*columns, strict=True)] == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='a1,."\n\r-e', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "log.csv"
    path.write_bytes(b"a,b\n" + content)
    try:
        assert np.isfinite(read_csv(path).values).all()
    except DataError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    ("data", "position", "message"),
    [
        (b'a,b"c\n', 3, "a quote in the middle of a cell"),
        (b'a, "b"\n', 3, "a quote in the middle of a cell"),
        (b'a,"b"c\n', 2, "a quoted cell that goes on behind its closing quote"),
        (b'a,"b\nc', 2, "a quote that is never closed"),
        (b'"a","""\n', 4, "a quote that is never closed"),
    ],
)
def test_misplaced_quotes_are_named(data, position, message):
    with pytest.raises(QuoteError, match=message) as caught:
        last_border(data, ended=True)
    assert caught.value.position == position


def test_a_hundred_thousand_columns_are_read(tmp_path):
    path, width = tmp_path / "log.csv", 100_000
    path.write_text(",".join(f"c{number}" for number in range(width)) + "\n" + f"{'1.5,' * (width - 1)}2\n" * 2)
    values = read_csv(path).values
    assert values.shape == (2, width)
    assert values.sum() == 2 * (1.5 * (width - 1) + 2)


def test_a_long_list_of_columns_is_shortened(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(",".join(f"c{number}" for number in range(40)))
    with pytest.raises(DataError, match=r"no column 'x': it has c0, .*, c11 and 28 more\."):
        read_csv(path, label="x")
    with pytest.raises(DataError, match=r"its first line is no header .*name the columns there"):
        read_header(path, b'a,"' + b"x" * 200_000 + b'"')
