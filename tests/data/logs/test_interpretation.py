"""Which channels show an anomaly: strictly read, and checked against the series."""

import numpy as np
import pytest

from tsreward.data.logs.interpretation import Interpretation, read_interpretation
from tsreward.data.logs.smd import load_smd
from tsreward.errors import DataError
from tsreward.series import Series

SERIES = Series(np.zeros((10, 4)), name="machine-1-1")


def write(tmp_path, content):
    path = tmp_path / "machine-1-1.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_become_spans_and_channels(tmp_path):
    path = write(tmp_path, "2-5:1,4\n8-10:3\n")
    assert read_interpretation(path, SERIES) == [Interpretation(2, 5, (1, 4)), Interpretation(8, 10, (3,))]
    assert read_interpretation(str(path)) == read_interpretation(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected lines start-end:dim,dim"),
        ("2-5:1\n2-5\n", "line 2: expected start-end:dim,dim,... as in 4629-4688:9,10, found '2-5'"),
        ("2-5:\n", "line 1: expected start-end"),
        ("2-5:1,,2\n", "line 1: expected start-end"),
        ("-2-5:1\n", "line 1: expected start-end"),
        ("2-5:a\n", "line 1: expected start-end"),
        ("2-5:1\n\n3-4:1\n", "line 2: expected start-end"),
        ("5-5:1\n", "line 1: the span 5-5 must end after it starts"),
        ("5-2:1\n", "line 1: the span 5-2 must end after it starts"),
        ("2-11:1\n", "line 1: the span 2-11 leaves the 10 rows of 'machine-1-1'"),
        ("2-5:0,1\n", "line 1: channels are numbered from 1 to 4, found 0"),
        ("2-5:5\n", "line 1: channels are numbered from 1 to 4, found 5"),
        (b"2-5:\xff\n", "cannot be read as lines start-end"),
    ],
)
def test_malformed_files(tmp_path, content, message):
    with pytest.raises(DataError, match=f"machine-1-1.txt.*{message}"):
        read_interpretation(write(tmp_path, content), SERIES)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_interpretation(tmp_path / "none.txt")


def test_real_spans_are_those_of_the_labels(real):
    folder = real("smd") / "ServerMachineDataset"
    for task in load_smd(folder):
        found = read_interpretation(folder / "interpretation_label" / f"{task.name}.txt", task.test)
        marked = np.zeros(len(task.test), dtype=bool)
        for one in found:
            marked[one.start : one.end] = True
        # As published, machine-2-3 has one span of 100 rows where its labels mark 91.
        assert (marked != task.test.labels).sum() == (9 if task.name == "machine-2-3" else 0)
