"""Entries 41 to 80 of the catalogue of malformed inputs: arrays, HDF5, Parquet, Minari, videos, environments, options.

Each writes what it is about into a folder, and says what the refusal holds, or that it is read as it is meant.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from tests.data.minari_sets import record
from tests.data.video import clips
from tests.scripted import script

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
MINARI = "minari:walk-v0"


@dataclass(frozen=True)
class Case:
    """One input: `make` writes it into a folder and returns its path, or what is given in place of one."""

    make: Callable[[Path], Any]
    message: str = ""
    """What the refusal says; empty where it is read."""


def npy(array: np.ndarray) -> bytes:
    """Return the bytes of an NPY file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def wrote(name: str, data: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    """Return what writes these bytes."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data() if callable(data) else data)
        return folder / name

    return make


def saved(name: str = "a.npy", **arrays: Any) -> Callable[[Path], Path]:
    """Return what writes an array, or an NPZ file of several."""

    def make(folder: Path) -> Path:
        if name.endswith(".npz"):
            np.savez(folder / name, **arrays)
        else:
            np.save(folder / name, arrays["array"])
        return folder / name

    return make


def claiming(shape: str) -> bytes:
    """Return an NPY file whose header claims another shape."""
    data = npy(ROWS)
    header = data[10:128].rstrip(b"\n").rstrip().replace(b"(40, 3)", shape.encode())
    return data[:8] + struct.pack("<H", 118) + header.ljust(117) + b"\n" + data[128:]


def zipped(*members: tuple[str, bytes]) -> Callable[[], bytes]:
    """Return what gives a ZIP file of these members, whatever they are called."""

    def make() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return buffer.getvalue()

    return make


def memmap(folder: Path) -> Any:
    """Return an array that may only be read."""
    np.save(folder / "a.npy", ROWS)
    return np.load(folder / "a.npy", mmap_mode="r")


ARRAYS: dict[str, Case] = {
    "41 NPY, cut": Case(wrote("a.npy", npy(ROWS)[:-9]), "'array' promises 480 bytes, and 471 are there"),
    "41 NPZ, cut": Case(wrote("a.npz", lambda: zipped(("obs.npy", npy(ROWS)))()[:-30]), "damaged or not an NPY or NPZ"),
    "42 shape larger than its data": Case(wrote("a.npy", claiming("(4000, 3)")), "promises 48,000 bytes"),
    "43 a claim of 3.6 TiB": Case(wrote("a.npy", claiming("(333333333333, 3)")), "promises 3,999,999,999,996 bytes"),
    "44 objects": Case(saved(array=np.array([{}, {}], object)), "'array' holds objects"),
    "45 structures": Case(saved(array=np.zeros(9, [("a", "f4")])), "must hold real numbers, found dtype"),
    "46 complex": Case(saved(array=ROWS + 1j), "must hold real numbers, found dtype complex"),
    "47 float16 that overflowed": Case(
        saved(array=np.full((40, 3), np.inf, np.float16)), "row 1, column 1 must be a finite number, found inf"
    ),
    "50 Fortran order": Case(saved(array=np.asfortranarray(ROWS))),
    "49 big-endian": Case(saved(array=ROWS.astype(">f8"))),
    "52 no axis": Case(saved(array=np.float32(3)), r"must be \[T, D\], one row per time step, found shape \[\]"),
    "53 no row": Case(saved(array=ROWS[:0]), r"one row per time step, found shape \[0, 3\]"),
    "53 no column": Case(saved(array=ROWS[:, :0]), r"one row per time step, found shape \[40, 0\]"),
    "55 zip bomb": Case(wrote("a.npz", zipped(("obs.npy", npy(np.zeros(3)) + bytes(2**21)))), "promises 24 bytes"),
    "56 ../ in a name": Case(
        wrote("a.npz", zipped(("../obs.npy", npy(ROWS)))), "holds '../obs.npy', which is no array"
    ),
    "56 a name twice": Case(
        wrote("a.npz", zipped(("obs.npy", npy(ROWS)), ("obs.npy", npy(ROWS)))), "holds two arrays 'obs'"
    ),
}
"""Files of arrays, given to `tsreward fit`."""

SCORED: dict[str, Case] = {
    "48 bytes that a model of floats gets": Case(lambda folder: (255 * np.abs(ROWS)).astype(np.uint8)),
    "49 big-endian": Case(lambda folder: ROWS.astype(">f4")),
    "51 a memmap that may only be read": Case(memmap),
    "52 no axis": Case(lambda folder: np.float32(3), r"Expected an array \[T, \*obs\] .*, got \[\] of float32"),
    "52 one axis": Case(lambda folder: ROWS[:, 0], r"got \[40\] of float32: give one row per step"),
    "52 four axes": Case(
        lambda folder: np.zeros((2, 3, 4, 3), np.float32), r"expects observations \[B, 3\], got \[B, 3, 4, 3\]"
    ),
    "53 no row": Case(lambda folder: ROWS[:0], r"got \[0, 3\] of float32"),
    "53 no column": Case(lambda folder: ROWS[:, :0], r"expects observations \[B, 3\], got \[B, 0\]"),
    "54 axes turned round": Case(lambda folder: ROWS.T, r"expects observations \[B, 3\], got \[B, 40\]"),
}
"""Arrays, given to `RewardModel.score`."""


def hdf5(folder: Path, cut: int = 0, episodes: Any = None) -> Path:
    """Write a flat HDF5 file, perhaps without its last bytes."""
    import h5py

    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file["observations"], file["rewards"] = ROWS, np.ones(40)
        if episodes is not None:
            file["external"] = h5py.ExternalLink("/etc/passwd", "/")
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    return path


def opened_by_a_writer(folder: Path) -> Path:
    """Write what a writer leaves that has the file open: the flag in the superblock says so."""
    import h5py

    path = folder / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["observations"], file["rewards"] = ROWS, np.ones(40)
    data = bytearray(path.read_bytes())
    data[11] = 1  # consistency flags of version 3: open for writing
    path.write_bytes(data)
    return path


def minari(change: Callable[[Path], None]) -> Callable[[Path], str]:
    """Return what writes a Minari dataset and changes it."""

    def make(folder: Path) -> str:
        record("walk-v0", [script(np.random.default_rng(seed), 20) for seed in range(3)])
        change(folder / "walk-v0" / "data")
        return MINARI

    return make


def metadata(**values: Any) -> Callable[[Path], None]:
    """Return what writes other values into metadata.json."""

    def change(data: Path) -> None:
        known = json.loads((data / "metadata.json").read_text())
        (data / "metadata.json").write_text(json.dumps(known | values))

    return change


def missing_episode(data: Path) -> None:
    """Take an episode away."""
    import h5py

    with h5py.File(data / "main_data.hdf5", "a") as file:
        del file["episode_1"]


def parquet(folder: Path) -> Path:
    """Write a Parquet file without its end, where the footer is."""
    path = folder / "a.parquet"
    pandas.DataFrame(ROWS, columns=[*"abc"]).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-12])
    return path


SETS: dict[str, Case] = {
    "57 HDF5, cut": Case(lambda folder: hdf5(folder, cut=300), "a.h5 is damaged or no HDF5 file .*truncated"),
    "58 HDF5 that a writer has open": Case(opened_by_a_writer, "a.h5 is damaged or no HDF5 file"),
    "59 an episode is missing": Case(
        minari(missing_episode), "damaged or incomplete in episode 1 of 3 .*download it again"
    ),
    "60 fewer episodes than promised": Case(minari(metadata(total_episodes=7)), "incomplete in episode 3 of 7"),
    "60 more episodes than promised": Case(
        minari(metadata(total_episodes=1)), "holds 3 episodes, and its metadata promise 1"
    ),
    "61 a newer version": Case(
        minari(metadata(minari_version="99.0.0")), "does not support the dataset generated by Minari 99"
    ),
    "62 Parquet without footer": Case(parquet, "a.parquet cannot be read as Parquet"),
    "63 HDF5 with an external link": Case(
        lambda folder: hdf5(folder, episodes=1), "'external' is a link to another file, which is not followed"
    ),
}
"""Data sets, given to `tsreward fit`."""


def video(
    change: Callable[[bytes], bytes] | None = None, name: str = "a.mp4", **options: Any
) -> Callable[[Path], Path]:
    """Return what writes a video and changes its bytes."""

    def make(folder: Path) -> Path:
        path = clips.write(folder / name, clips.moving(), **options)
        if change is not None:
            path.write_bytes(change(path.read_bytes()))
        return path

    return make


VIDEOS: dict[str, Case] = {
    "65 no bytes": Case(wrote("a.mp4", b""), "a.mp4 is empty"),
    "66 without moov": Case(video(lambda data: data.replace(b"moov", b"junk", 1)), "a.mp4 is (damaged|cut off)"),
    "66 cut": Case(video(lambda data: data[: len(data) // 2]), "a.mp4 .*(cut|damaged)"),
    "67 random bytes": Case(wrote("a.mp4", np.random.default_rng(0).bytes(3000)), "a.mp4 (is damaged|cut|no video)"),
    "69 frames missing in the middle": Case(
        video(lambda data: data[: len(data) * 6 // 10] + data[len(data) * 7 // 10 :]),
        "a.mp4 is damaged, cut off or no video",
    ),
    "70 variable rate": Case(video(times=np.cumsum([1, 2, 9] * 10).tolist())),
    "71 its size changes": Case(
        lambda folder: clips.write_two_sizes(folder / "a.webm"), "changes its size at frame 5, from 32 x 48 to 64 x 80"
    ),
    "72 one pixel": Case(
        lambda folder: clips.write(folder / "a.gif", clips.moving(6, 1, 1)),
    ),
    "73 turned": Case(lambda folder: clips.turn(clips.write(folder / "a.mp4", clips.moving()))),
    "74 sound alone": Case(lambda folder: clips.write_sound(folder / "a.mp4"), "holds audio and no video"),
    "75 no decoder": Case(video(lambda data: data.replace(b"avc1", b"zzz9")), "a codec that this PyAV cannot decode"),
    "76 channels first": Case(
        saved(array=np.zeros((9, 3, 12, 14), np.uint8)), r"channels first: save array.transpose\(0, 2, 3, 1\)"
    ),
    "76 floats up to 255": Case(
        saved(array=255 * np.ones((9, 12, 14, 3), np.float32)), "is float32, and frames are bytes"
    ),
}
"""Films, given to `read_frames`."""

CONFIG: dict[str, Case] = {
    "79 a typo": Case(
        wrote("a.toml", b"[fit]\nwindwo = 4\n"), "a.toml: .* no option 'windwo' .*did you mean '.*window'"
    ),
    "80 a text for a number": Case(wrote("a.toml", b'[fit]\nwindow = "four"\n'), "a.toml: window = 'four' is no value"),
    "80 true for a number": Case(
        wrote("a.toml", b"[fit]\nwindow = true\n"), "a.toml: window = True is no value of --window"
    ),
    "80 1e-4 as a text": Case(
        wrote("a.toml", b'[fit]\n"train.epochs" = "1e-4"\n'), "a.toml: train.epochs = '1e-4' is no"
    ),
    "80 no TOML": Case(wrote("a.toml", b"fit: {window: 4}"), "a.toml is no TOML"),
}
"""Files of options, given to `tsreward fit --config`."""

ELSEWHERE = {
    64: ("tests/data/test_sources_formats.py", "test_a_lerobot_folder_that_is_incomplete_or_old_is_refused"),
    68: ("tests/data/video/test_container.py", "test_no_frame_goes_missing_at_the_end"),
    77: ("tests/pipeline/test_stream.py", "test_a_reward_that_is_not_finite_is_refused"),
    78: ("tests/wrappers/test_checks.py", "test_an_observation_that_is_not_finite_is_refused"),
}
"""Number -> the test that has it."""
