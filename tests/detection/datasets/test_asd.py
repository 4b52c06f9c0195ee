"""The Application Server Dataset as arrays; its pickles are refused."""

import numpy as np
import pytest

from tsreward.detection.datasets.asd import load_asd
from tsreward.errors import DataError, OptionError

GOOD = {
    "train": np.ones((3, 2), "float32"),
    "test": np.arange(8.0).reshape(4, 2),
    "label": np.array([0, 1, 1, 0], "u1"),
}


def test_values_labels_and_names(tmp_path):
    for number in (10, 2):
        np.savez(tmp_path / f"omi-{number}.npz", **GOOD)
    tasks = load_asd(tmp_path)
    assert [task.name for task in tasks] == ["omi-2", "omi-10"]
    assert tasks[0].train.values.tolist() == [[1, 1]] * 3
    assert tasks[0].train.labels is None
    assert tasks[0].test.values[3].tolist() == [6, 7]
    assert tasks[0].test.labels is not None
    assert tasks[0].test.labels.tolist() == [False, True, True, False]
    assert [task.name for task in load_asd(tmp_path, ["omi-10"])] == ["omi-10"]
    with pytest.raises(OptionError, match="Unknown server 'omi-3'"):
        load_asd(tmp_path, ["omi-3"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "omi-1.npz has no array 'label': it has train, test"),
        ({"train": np.ones(3)}, r"'train' must be \[T, D\], one row per time step, found \[3\]"),
        ({"test": np.ones((0, 2))}, r"'test' must be \[T, D\].*found \[0, 2\]"),
        ({"test": np.ones((4, 3))}, "'test' has 3 columns: expected 2, as in 'train'"),
        ({"label": np.zeros(3)}, r"'label' must be \[4\], as 'test' has rows, found \[3\]"),
        ({"label": np.array([0, 2, 0, 0])}, "'label', row 2: expected 0 or 1, found 2"),
        ({"label": np.array([0, np.nan, 0, 0])}, "'label', row 2: expected 0 or 1, found nan"),
        ({"train": np.array([[1, np.inf]])}, "'train', row 1, column 2: expected a finite number, found inf"),
        ({"train": np.array([["a", "b"]])}, "must hold real numbers"),
    ],
)
def test_malformed_files(tmp_path, change, message):
    arrays = {name: array for name, array in (GOOD | change).items() if array is not None}
    np.savez(tmp_path / "omi-1.npz", **arrays)
    with pytest.raises(DataError, match=f"omi-1.npz.*{message}|{message}"):
        load_asd(tmp_path)


def test_damaged_and_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"has no file omi-<i>\.npz\.$"):
        load_asd(tmp_path)
    (tmp_path / "processed").mkdir()
    (tmp_path / "processed" / "omi-1_train.pkl").write_bytes(b"never opened")
    with pytest.raises(
        DataError, match=r"only pickles such as omi-1_train\.pkl.*numpy\.savez_compressed\('omi-1\.npz'"
    ):
        load_asd(tmp_path)
    (tmp_path / "omi-1.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match=r"omi-1\.npz is damaged"):
        load_asd(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        load_asd(tmp_path / "none")


def test_real_data(real):
    tasks = load_asd(real("asd"))
    assert [task.name for task in tasks] == [f"omi-{number}" for number in range(1, 7)]
    assert tasks[0].train.values.shape == (8640, 19)
    assert tasks[0].test.values.shape == (4320, 19)
