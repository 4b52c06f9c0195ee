"""Which channels show an anomaly: strictly read, and checked against the series."""

import time

import numpy as np
import pytest

from tsreward.detection.datasets.smd import Interpretation, load_smd, read_interpretation
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series

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


@pytest.fixture
def folder(tmp_path):
    """Write two machines of 3 training rows and 4 test rows."""
    root = tmp_path / "ServerMachineDataset"
    for part, text in {
        "train": "0.1,0.2\n0.3,0.4\n0.5,0.6\n",
        "test": "0,1\n1,0\n0,0\n1,1\n",
        "test_label": "0\n1\n1\n0\n",
    }.items():
        (root / part).mkdir(parents=True)
        for name in ("machine-1-10", "machine-1-2"):
            (root / part / f"{name}.txt").write_text(text)
    return root


def test_values_labels_and_names(folder):
    for given in (folder, folder.parent, str(folder)):
        tasks = load_smd(given)
        assert [task.name for task in tasks] == ["machine-1-2", "machine-1-10"]
    task = tasks[0]
    assert task.train.values.tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    assert task.train.labels is None
    assert task.test.values.tolist() == [[0, 1], [1, 0], [0, 0], [1, 1]]
    assert task.test.labels is not None
    assert task.test.labels.tolist() == [False, True, True, False]
    assert task.train.name == task.test.name == "machine-1-2"


def test_machines_can_be_chosen(folder):
    (folder / "test" / "machine-1-2.txt").write_text("broken, and not looked at")
    assert [task.name for task in load_smd(folder, names=["machine-1-10"])] == ["machine-1-10"]
    with pytest.raises(OptionError, match="Unknown machine 'machine-1-3': did you mean 'machine-1-"):
        load_smd(folder, names=["machine-1-3"])


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("test/machine-1-2.txt", None, r"no file .*test/machine-1-2\.txt, the partner of .*train/machine-1-2\.txt"),
        ("test_label/machine-1-2.txt", None, r"no file .*test_label/machine-1-2\.txt, the partner of"),
        ("train/machine-1-2.txt", None, r"no file .*train/machine-1-2\.txt, the partner of .*test/machine-1-2\.txt"),
        ("test/machine-1-2.txt", "1,2,3\n" * 4, r"test/machine-1-2\.txt has 3 columns: expected 2, as in .*train"),
        ("test_label/machine-1-2.txt", "0,1\n" * 4, "must have one label, 0 or 1, in each line, found 2 columns"),
        ("test/machine-1-2.txt", "1,2\n" * 5, r"test_label/machine-1-2\.txt has 4 labels, but .* has 5 rows"),
        ("test_label/machine-1-2.txt", "0\n1\n3\n0\n", r"row 3 of label column '1' must be 0 .*, found '3'"),
        ("train/machine-1-2.txt", "1,2\n1,two\n", r"train/machine-1-2\.txt: row 2 of column '2' .* found 'two'"),
        ("train/machine-1-2.txt", "", r"train/machine-1-2\.txt is empty"),
    ],
)
def test_malformed_sets(folder, file, content, message):
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(DataError, match=message):
        load_smd(folder)


def test_other_folders(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        load_smd(tmp_path / "none")
    with pytest.raises(DataError, match=r"has no train, nor has .*ServerMachineDataset: give the folder that holds it"):
        load_smd(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match=r"train has no file machine-<group>-<number>.txt"):
        load_smd(tmp_path)


def test_real_data(real):
    folder = real("smd")
    start = time.process_time()
    (task,) = load_smd(folder, names=["machine-1-2"])
    assert time.process_time() - start < 3  # two files of 900,000 numbers; about 0.2 s
    assert task.train.values.shape == task.test.values.shape == (23694, 38)
    assert task.test.labels is not None
    assert np.flatnonzero(task.test.labels)[0] == 4629
    assert 0 <= task.train.values.min() <= task.train.values.max() <= 1
    assert len(load_smd(folder)) >= 6
