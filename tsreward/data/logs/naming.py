"""Names of the series of a dataset: in natural order, and chosen by a user."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tsreward.errors import unknown_name


def natural(name: str) -> list[str | int]:
    """Return a sorting key that puts machine-1-2 before machine-1-10.

    >>> sorted(["TS10", "TS2"], key=natural)
    ['TS2', 'TS10']
    """
    # Text stands at the even positions, even where it is empty, so that text never meets a number.
    return [int(part) if position % 2 else part for position, part in enumerate(re.split(r"([0-9]+)", name))]


def chosen(kind: str, found: Iterable[str], names: Iterable[str] | None) -> list[str]:
    """Return all names found, or those a user asks for, in natural order, each once.

    Raises:
        OptionError: a name that was not found; near ones are told.

    >>> chosen("machine", ["m-10", "m-2"], None)
    ['m-2', 'm-10']
    """
    known = set(found)
    if names is None:
        return sorted(known, key=natural)
    names = {names} if isinstance(names, str) else set(names)
    for name in sorted(names - known):
        raise unknown_name(kind, name, known)
    return sorted(names, key=natural)
