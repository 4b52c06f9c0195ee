"""The names of the columns, out of the first record of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from tsreward.errors import DataError

COLUMN_LIMIT = 200_000
"""Columns that a file may have: pandas takes some 3 KiB for each."""


def read_header(path: Path, record: bytes) -> list[str]:
    """Return the names in a record of UTF-8.

    Raises:
        DataError: a column without a name, two of one name, too many of them, or cells that are separated by something
            else than commas.

    >>> read_header(Path("log.csv"), b'time,"load, 1 min"')
    ['time', 'load, 1 min']
    """
    try:
        names = next(csv.reader([record.decode().strip("\r\n")], strict=True))
    except csv.Error as error:  # e.g. a name of more than 128 KiB
        raise DataError(f"{path}: its first line is no header ({error}): name the columns there.") from None
    if len(names) > COLUMN_LIMIT:
        raise DataError(f"{path} has {len(names):,} columns, but at most {COLUMN_LIMIT:,} can be read: split the file.")
    seen: set[str] = set()
    for position, name in enumerate(names):
        if not name.strip():
            raise DataError(f"{path}: column {position + 1} has no name in the first line: name it, or take it out.")
        if name in seen:
            raise DataError(f"{path} has two columns '{name}': rename one of them.")
        seen.add(name)
    if len(names) == 1 and (found := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers.")
    return names


def check_columns(path: Path, names: Collection[str], wanted: Collection[str]) -> None:
    """Check that all columns that are asked for are there.

    Raises:
        DataError: one is missing.
    """
    known = set(names)
    for name in wanted:
        if name not in known:
            raise DataError(f"{path} has no column '{name}': it has {_listed(names)}.")


def _listed(names: Collection[str]) -> str:
    shown = [*names][:12]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
