"""The layout of the Server Machine Dataset, good and bad."""

import time

import numpy as np
import pytest

from tsreward.data.logs.smd import load_smd
from tsreward.errors import DataError, OptionError


@pytest.fixture
def folder(tmp_path):
    """Write two machines of 3 rows to learn from and 4 to judge."""
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
        ("test/machine-1-2.txt", "1,2\n" * 5, r"test_label/machine-1-2\.txt has 4 labels, but .* has 5 rows"),
        ("test_label/machine-1-2.txt", "0\n1\n3\n0\n", r"line 3: expected a label 0 or 1, found 3"),
        ("train/machine-1-2.txt", "1,2\n1,two\n", r"train/machine-1-2\.txt, line 2, column 2: .* found 'two'"),
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
