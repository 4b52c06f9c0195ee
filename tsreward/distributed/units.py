"""`Unit`: a piece of work that writes one file, named by the digest of all that it depends on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tsreward.errors import DataError, OptionError

Work = TypeVar("Work")
_CHARACTERS = 16
"""Hexadecimal digits of a digest in a file's name: one chance in 10^9 that two of 10^5 units are called alike."""


@dataclass(frozen=True)
class Unit:
    """A piece of work.

    Args:
        name: what it is called, for people.
        depends: all that its file depends on (digests of the inputs, options), as plain JSON values.
        task: writes the file at the path that it is given, at once or not at all (`tsreward.files.open_atomic`). It is
            sent to other processes, so it is a function of a module, or a `functools.partial` of one.
        suffix: of the file.

    >>> Unit("walk", {"model": "ab", "data": "cd"}, print, ".csv").file
    'walk-ec1f0afc467fe8d3.csv'
    """

    name: str
    depends: Mapping[str, Any]
    task: Callable[[Path], object]
    suffix: str = ""

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of what the unit depends on."""
        return hashlib.sha256(json.dumps(self.depends, sort_keys=True).encode()).hexdigest()

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.digest[:_CHARACTERS]}{self.suffix}"

    def complete(self, folder: Path) -> bool:
        """Do the work unless its file is there already; tell whether there was anything to do.

        However often it is done, also by several at once, there is one whole file at the end.

        Raises:
            DataError: the work ended without its file.
        """
        path = folder / self.file
        if path.exists():
            return False
        self.task(path)
        if not path.exists():
            raise DataError(f"The work on {self.name} ended without {path.name}.")
        return True


def shard_of(units: Sequence[Work], shard: str | None) -> list[Work]:
    """Return the units, or what else is shared, of one share: "3/8" is every eighth from the third on.

    Raises:
        OptionError: no i/n with 1 <= i <= n.

    >>> units = [Unit(name, {"data": name}, print) for name in "abcde"]
    >>> [unit.name for unit in shard_of(units, "2/3")]
    ['b', 'e']
    """
    if shard is None:
        return list(units)
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", shard)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise OptionError(f"--shard takes i/n with 1 <= i <= n, such as 3/8, got {shard!r}.")
    return list(units[int(found[1]) - 1 :: int(found[2])])


def check_units(units: Sequence[Unit]) -> None:
    """Check that no two units write one file.

    Raises:
        DataError: two do: the same input is there twice.
    """
    names: dict[str, str] = {}
    for unit in units:
        if unit.file in names:
            raise DataError(f"{names[unit.file]} and {unit.name} are the same work: leave one of them out.")
        names[unit.file] = unit.name
