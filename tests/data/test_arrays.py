"""Damaged and foreign array files are errors that name the file; nothing in them is run."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from tsreward.data.arrays import read_arrays
from tsreward.errors import DataError


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_arrays_come_by_name(tmp_path):
    (tmp_path / "a.npz").write_bytes(npz(x=np.arange(3), y=np.ones((2, 2))))
    (tmp_path / "b.npy").write_bytes(npy(np.arange(4.0)))
    assert {name: array.tolist() for name, array in read_arrays(tmp_path / "a.npz").items()} == {
        "x": [0, 1, 2],
        "y": [[1, 1], [1, 1]],
    }
    assert read_arrays(tmp_path / "b.npy")["array"].tolist() == [0, 1, 2, 3]


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("the file was unpickled",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        npy(np.arange(100.0))[:-30],
        npz(x=np.arange(100.0))[:-30],
        pickle.dumps(Bomb()),
        npy(np.array([Bomb()], dtype=object)),
        npz(x=np.array([Bomb()], dtype=object)),
        npy(np.arange(3.0)).replace(b"(3,)", b"(3" + b"0" * 12 + b",)").replace(b" " * 12 + b"\n", b"\n"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"file.npz is damaged or not an NPY or NPZ file of plain arrays"):
        read_arrays(path)


@pytest.mark.parametrize("values", [["text"], [1j], np.array([(1, 2.0)], dtype="i4,f8"), np.array(["2020"], "M8[Y]")])
def test_other_values_than_real_numbers_are_refused(tmp_path, values):
    path = tmp_path / "file.npz"
    path.write_bytes(npz(obs=np.array(values)))
    with pytest.raises(DataError, match="array 'obs' must hold real numbers, found dtype"):
        read_arrays(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*none.npz"):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(DataError, match="is damaged or not an NPY or NPZ file"):
        read_arrays(tmp_path)
