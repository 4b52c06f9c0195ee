"""How much memory a file of data may take: found out from its headers before anything is allocated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from tsreward.errors import DataError, OptionError

FREE = 2**30
"""Bytes that any file may take, however small it is."""
TIMES = 4
"""How many times its own bytes a file may take beside them."""

_TOLD: ContextVar[int | None] = ContextVar("max_memory", default=None)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
PartT = TypeVar("PartT")


def parse_memory(text: str) -> int:
    """Return the bytes that a text names.

    Raises:
        OptionError: it names none.

    >>> parse_memory("8G"), parse_memory("512 MB"), parse_memory("1000")
    (8589934592, 536870912, 1000)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?)(?:i?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None or not float(found[1]) < 2**40:
        raise OptionError(f"--max-memory takes a number with K, M, G or T, e.g. 8G, got {text[:40]!r}.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


@contextmanager
def max_memory(size: int | str | None) -> Iterator[None]:
    """Let every file of data that is read in the block take so much memory, bytes or a text such as "8G".

    None is `TIMES` the bytes of the file and `FREE` beside.

    Raises:
        OptionError: a text that names no size.

    >>> with max_memory("8G"):
    ...     memory_for(Path("/none"))
    8589934592
    """
    token = _TOLD.set(parse_memory(size) if isinstance(size, str) else size)
    try:
        yield
    finally:
        _TOLD.reset(token)


def tell_max_memory(size: str | None) -> None:
    """Let every file that is read from here on take so much, until the `max_memory` around it ends."""
    if size is not None:
        _TOLD.set(parse_memory(size))


def memory_for(path: Path) -> int:
    """Return how many bytes the contents of a file, or of a folder of files, may take."""
    if (told := _TOLD.get()) is not None:
        return told
    try:
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        return TIMES * sum(file.stat().st_size for file in files) + FREE
    except OSError:
        return FREE


def check_memory(path: Path, needed: int, what: str = "it") -> None:
    """Check that what stands in a file may be read.

    Raises:
        DataError: it takes more than `memory_for` the file.
    """
    if needed > (most := memory_for(path)):
        raise DataError(
            f"{path}: {what} would take {_shown(needed)} of memory, and {_shown(most)} are let to a file of this size: "
            f"it is damaged or made to fill the memory; if it is neither, say --max-memory {_rounded(needed)}."
        )


def bounded(path: Path, parts: Iterable[PartT], size: Callable[[PartT], int], what: str = "it") -> Iterator[PartT]:
    """Yield parts of what is read as a whole, as long as all of them together may be held.

    Raises:
        DataError: they take more than `memory_for` the file.
    """
    most, held = memory_for(path), 0
    for part in parts:
        held += size(part)
        if held > most:
            check_memory(path, held, f"{what}, read so far,")
        yield part


def _shown(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def _rounded(size: int) -> str:
    return f"{-(-size // 2**30)}G"
