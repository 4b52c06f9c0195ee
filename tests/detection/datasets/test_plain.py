"""Text of numbers becomes arrays, or an error that names file, line and column."""

import numpy as np
import pytest

from tsreward.detection.datasets.smd import read_labels, read_plain
from tsreward.errors import DataError


def write(tmp_path, content):
    path = tmp_path / "machine-1-1.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content", ["1,2.5\n3,-4e-1\n", "1,2.5\r\n3,-4e-1\r\n", "\ufeff1,2.5\n3,-4e-1", " 1 , 2.5\n3,-.4\n"]
)
def test_lines_become_rows(tmp_path, content):
    assert read_plain(write(tmp_path, content)).tolist() == [[1, 2.5], [3, -0.4]]


def test_numbers_are_read_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 3)) * 10.0 ** np.arange(-30, 30, 20)
    text = "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())
    assert (read_plain(write(tmp_path, text)) == values).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected lines of numbers"),
        ("\n", "is empty"),
        ("1,2\n3\n", "line 2 has 1 columns: expected 2, as in line 1"),
        ("1,2\n3,4,5\n", "line 2 has 3 columns: expected 2"),
        ("1,2\n3,4,\n", "line 2 has 3 columns: expected 2"),
        ("1,2\n3,x\n", "line 2, column 2: expected a finite number with a point, found 'x'"),
        ("1,2\n,4\n", "line 2, column 1: expected a finite number with a point, found nothing"),
        ("1,2\n3,nan\n", "line 2, column 2: .* found 'nan'"),
        ("1,2\n-inf,4\n", "line 2, column 1: .* found '-inf'"),
        ("1,1e999\n", "line 1, column 2: .* found '1e999'"),
        ("1,1_000\n", "line 1, column 2: .* found '1_000'"),
        ("1,2\n\n3,4\n", "line 2 is blank: expected 2 numbers"),
        ("1,2\n3,4\n\n", "line 3 is blank"),
        ("a,b\n1,2\n", "line 1, column 1: .* found 'a'"),
        ("1;2\n3;4\n", "line 1, column 1: .* found '1;2'"),
        ("1,2 # note\n", "line 1, column 2: .* found '2 # note'"),
        ("1,0x10\n", "line 1, column 2: .* found '0x10'"),
        (b"1,\xff\n", "cannot be read as text of numbers"),
    ],
)
def test_malformed_files_are_named_with_the_place(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"machine-1-1\.txt.*{message}"):
        read_plain(write(tmp_path, content))


def test_labels(tmp_path):
    assert read_labels(write(tmp_path, "0\n1\n0.0\n"), 3, tmp_path).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0\n2\n1\n", "line 2: expected a label 0 or 1, found 2"),
        ("0\n0.5\n1\n", "line 2: expected a label 0 or 1, found 0.5"),
        ("0,1\n0,1\n1,1\n", "line 1: expected one label, 0 or 1, found 2 columns"),
        ("0\n1\n", "has 2 labels, but test.txt has 3 rows"),
        ("0\nyes\n1\n", "line 2, column 1: expected a finite number"),
    ],
)
def test_malformed_labels(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_labels(write(tmp_path, content), 3, "test.txt")


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*none\.txt"):
        read_plain(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot be read as text of numbers"):
        read_plain(tmp_path)
