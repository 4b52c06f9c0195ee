"""What a file would unpack to is known before it is read, whatever kind of file it is."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest

from tests.hanging import must_end
from tsreward.cli.main import main
from tsreward.data.arrays import read_arrays
from tsreward.data.memory import FREE, TIMES, check_memory, max_memory, memory_for, parse_memory
from tsreward.data.sources import digest, read_data
from tsreward.data.video.reading import read_frames
from tsreward.errors import DataError, OptionError


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def bomb(path: Path, size: int = 2 * FREE) -> Path:
    """Write an NPZ file of a few kilobytes whose member says that it unpacks to so many bytes."""
    header = npy(np.zeros(1))[:128].replace(b"(1,)", f"({size // 8 - 16},)".encode())
    header = header.replace(b" " * 8 + b"\n", b"\n").ljust(127, b" ") + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("obs.npy", header[:128] + bytes(10_000))
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(mark) + place, size)
    path.write_bytes(data)
    return path


def test_the_budget_follows_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    assert memory_for(tmp_path / "a") == TIMES * 1000 + FREE
    (tmp_path / "b").write_bytes(bytes(500))
    assert memory_for(tmp_path) == TIMES * 1500 + FREE
    assert memory_for(tmp_path / "none") == FREE
    with max_memory("2K"):
        assert memory_for(tmp_path / "a") == 2048
        with max_memory(None):
            assert memory_for(tmp_path / "a") == TIMES * 1000 + FREE
        with pytest.raises(DataError, match=r"a: it would take 1.0 GiB .* 0 MiB .* say --max-memory 1G"):
            check_memory(tmp_path / "a", 2**30)
    for text in ("", "much", "-1G", "8X", "9" * 30):
        with pytest.raises(OptionError, match="--max-memory takes a number with K, M, G or T"):
            parse_memory(text)


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    path = bomb(tmp_path / "b.npz")
    tracemalloc.start()
    with pytest.raises(DataError, match=r"b.npz: it would take 2.0 GiB of memory, and 1.0 GiB are let"):
        read_arrays(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"obs.npy": npy(np.zeros(3)), "readme.txt": b"hello"}, "holds 'readme.txt', which is no array"),
        ({"../obs.npy": npy(np.zeros(3))}, "holds '../obs.npy', which is no array"),
        ({"/obs.npy": npy(np.zeros(3))}, "holds '/obs.npy', which is no array"),
        ({"obs.npy": b"hello"}, "damaged or not an NPY or NPZ file"),
        ({"obs.npy": npy(np.zeros(30))[:-8]}, "'obs' promises 240 bytes, and 232 are there"),
        ({"obs.npy": npy(np.zeros(3)) + b"x"}, "'obs' promises 24 bytes, and 25 are there"),
        (
            {"obs.npy": npy(np.zeros(3)).replace(b"(3,)", b"(9999999999999,)").replace(b" " * 12 + b"\n", b"\n")},
            "promises",
        ),
    ],
)
def test_members_that_are_no_arrays(members: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_members_that_stand_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("obs.npy", npy(np.zeros(3)))
        archive.writestr("obs.npy", npy(np.ones(3)))
    with pytest.raises(DataError, match="holds two arrays 'obs'"):
        read_arrays(tmp_path / "a.npz")


def test_arrays_are_those_that_numpy_reads(tmp_path: Path) -> None:
    arrays = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.array(3),
        "empty": np.zeros((0, 3), np.float32),
        "big": np.arange(5, dtype=">i4"),
        "flags": np.array([True, False]),
        "half": np.ones((2, 2, 2), np.float16),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        read = read_arrays(tmp_path / "a.npz")
        assert list(read) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
            assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
            assert not array.size or read[name].flags.writeable
    for array in arrays.values():
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy")["array"], array)


@pytest.mark.parametrize("kind", ["csv.gz", "parquet", "h5", "npz"])
def test_every_reader_has_the_budget(kind: str, tmp_path: Path) -> None:
    rows, path = np.zeros((4000, 5)), tmp_path / f"a.{kind}"
    table = pandas.DataFrame(rows, columns=[*"abcde"])
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    elif kind == "parquet":
        table.to_parquet(path)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("observations", data=rows, compression="gzip")
            file["rewards"] = np.zeros(4000)
    else:
        np.savez_compressed(path, observations=rows, rewards=np.zeros(4000))
    assert len(read_data(path)[1].episodes) == 1
    with max_memory("100K"), pytest.raises(DataError, match=r"would take 0 MiB of memory, .*--max-memory 1G"):
        read_data(path)
    assert memory_for(path) >= FREE


def test_a_minari_dataset_has_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.data.minari_sets import record
    from tests.scripted import script

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    record("walk-v0", [script(np.random.default_rng(0), 500)])
    with max_memory("1K"), pytest.raises(DataError, match=r"'episode_0/[a-z/]+' would take"):
        read_data(Path("minari:walk-v0"))


def test_pipes_do_not_hang(tmp_path: Path) -> None:
    for name in ("a.npz", "a.npy", "a.csv", "a.h5", "a.parquet"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "pictures").mkdir()
    os.mkfifo(tmp_path / "pictures" / "1.png")
    with must_end(60):
        for path in (*tmp_path.glob("a.*"), tmp_path / "pictures"):
            with pytest.raises(DataError):
                read_data(path)
        with pytest.raises(DataError, match="is called like a picture, and is no file"):
            read_frames(tmp_path / "pictures")
        with pytest.raises(DataError, match="is a device, a pipe or a socket, and no file"):
            digest(tmp_path / "a.npz")


def test_the_command_line_says_so_and_lets_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez_compressed(
        tmp_path / "d.npz", observations=np.random.default_rng(0).normal(size=(900, 3)), rewards=np.ones(900)
    )
    fit = ["fit", "--data", str(tmp_path / "d.npz"), "--scorer", "mahalanobis", "--reward", "likeness"]
    fit += ["--out", str(tmp_path / "m"), "--layout", "arrival"]
    assert main([*fit, "--max-memory", "10K"]) == 2
    assert "say --max-memory 1G" in capsys.readouterr().err
    assert main([*fit, "--max-memory", "1M"]) == 0
    assert main([*fit, "--max-memory", "lots"]) == 2
    assert "--max-memory takes a number" in capsys.readouterr().err
    assert memory_for(tmp_path / "none") == FREE  # as before the commands
