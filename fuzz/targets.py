"""What is fuzzed: functions of bytes, which end well or with an error of ours, and take no other way out."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from tsreward.cli.parsing import with_config
from tsreward.data.arrays import read_arrays
from tsreward.data.memory import max_memory
from tsreward.data.sources import read_data
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import TSRewardError, TSRewardWarning
from tsreward.io import describe, load
from tsreward.io.header import parse
from tsreward.sequences.time import parse_stamps

CORPUS = Path(__file__).parent / "corpus"
_SHARED = Path("/dev/shm")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=_SHARED if _SHARED.is_dir() else None)


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path


def header(data: bytes) -> None:
    """Read bytes as the JSON of a model file, and as a whole model file."""
    with suppress(TSRewardError):
        parse(data)
    path = _file("m.safetensors", data)
    for read in (describe, load):
        with suppress(TSRewardError):
            read(path)
    framed = len(data).to_bytes(8, "little") + data + bytes(64)
    with suppress(TSRewardError):
        load(_file("framed.safetensors", framed))


def csv(data: bytes) -> None:
    """Read bytes as a table of text, with roles found by name."""
    with suppress(TSRewardError):
        read_data(_file("a.csv", data))


def npz(data: bytes) -> None:
    """Read bytes as an NPY or NPZ file, and as episodes."""
    path = _file("a.npz", data)
    with suppress(TSRewardError):
        read_arrays(path)
    with suppress(TSRewardError):
        read_data(path)


def intervals(data: bytes) -> None:
    """Read bytes as a table of intervals, and mark a log of dates and one of numbers."""
    path = _file("intervals.csv", data)
    for cells in (["2020-01-01 00:00:00", "2020-01-02 00:00:00"], ["0", "10"]):
        with suppress(TSRewardError):
            LabelIntervals(path).mark(parse_stamps(cells))


def toml(data: bytes) -> None:
    """Read bytes as a file of options, for two commands."""
    path = _file("a.toml", data)
    for command in ("fit", "train"):
        with suppress(TSRewardError):
            with_config(path, command, ("fit", "train"), ["--out", "m"])


TARGETS: dict[str, Callable[[bytes], None]] = {
    "header": header,
    "csv": csv,
    "npz": npz,
    "intervals": intervals,
    "toml": toml,
}


def run(name: str, data: bytes) -> None:
    """Run one target; what it warns of is no matter, and it may take 64 MB for what it reads."""
    with warnings.catch_warnings(), max_memory("64M"), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", TSRewardWarning)
        TARGETS[name](data)


def corpus(name: str) -> list[bytes]:
    """Return the inputs that are kept for a target, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
