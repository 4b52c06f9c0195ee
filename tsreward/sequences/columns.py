"""`Columns`: the names of the columns of data, by which they are told apart wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

import numpy as np
from torch import Tensor

from tsreward.errors import DataError, ShapeError, shown

RowsT = TypeVar("RowsT", np.ndarray, Tensor)


@dataclass(frozen=True)
class Columns:
    """Names of the D columns of rows [T, D], in order."""

    names: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    """What values each held, as the frame or the file calls them: "float64", "bool", "decimal128(5, 2)"."""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise DataError(f"Two columns are called '{name}': rename one of them.")
            seen.add(name)
        if self.kinds and len(self.kinds) != len(self.names):
            raise ShapeError(f"{len(self.names)} columns have {len(self.kinds)} kinds: give one each, or none.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def counted(self) -> bool:
        """Whether the names only count the columns, as those of a frame that was made of an array."""
        return self.names == tuple(map(str, range(len(self.names))))

    @property
    def numbered(self) -> bool:
        """Whether all names are whole numbers."""
        return all(name.isascii() and name.isdecimal() for name in self.names)

    def take(self, places: Sequence[int]) -> Columns:
        """Return the columns at some places."""
        kinds = tuple(self.kinds[place] for place in places) if self.kinds else ()
        return Columns(tuple(self.names[place] for place in places), kinds)

    def without(self, ignore: Sequence[str], where: str) -> Columns:
        """Return the columns but for some.

        Raises:
            DataError: one of those is not there, or none is left.
        """
        for name in ignore:
            if name not in self.names:
                raise DataError(f"{where} has no column {_quoted(name)} to ignore{_like(name, self.names)}.")
        left = [place for place, name in enumerate(self.names) if name not in set(ignore)]
        if not left:
            raise DataError(f"{where} has no column left without {', '.join(ignore)}: keep at least one.")
        return self.take(left)

    def places(self, found: Columns, who: str, where: str, ignore: Sequence[str] = ()) -> list[int]:
        """Return the place [D] among the columns `found` of each of these.

        Names that only count, 0, 1, 2, ... in this order, are no names beside words: such columns are matched by
        position. Beside other numbers they are names: 0, 1, 2 are not 1, 2, 3.

        Args:
            found: the columns of other data.
            who: what has these columns, for messages.
            where: the other data, for messages.
            ignore: columns of the other data that are left out.

        Raises:
            DataError: a column is missing, or one is there that is neither known nor ignored.
            ShapeError: another number of columns, where they are matched by position.

        >>> Columns(("load", "temp")).places(Columns(("temp", "note", "load")), "The model", "a.csv", ignore=["note"])
        [2, 0]
        """
        kept = set(found.without(ignore, where).names if ignore else found.names)
        left = {name: position for position, name in enumerate(found.names) if name in kept}
        nameless = self.counted or found.counted
        named = self.numbered and found.numbered and not (self.counted and Columns(tuple(left)).counted)
        if left.keys() != set(self.names) and nameless and not named:
            if len(left) != len(self):
                raise ShapeError(f"{who} has {len(self)} columns, but {where} has {len(left)}.")
            return list(left.values())
        for name in self.names:
            if name not in left:
                others = [other for other in left if other not in self.names]
                hint = f"; has it become {_quoted(near)}?" if (near := _nearest(name, others)) else "."
                raise DataError(
                    f"{where} lacks the column {_quoted(name)} of {who}{hint} It has "
                    f"{_listed(left)}: rename the column, or take data that has it."
                )
        for name in left:
            if name not in self.names:
                raise DataError(
                    f"{where} has a column {_quoted(name)}, which is none of {who}{_like(name, self.names)}: "
                    f"leave it out with --ignore {name if name.isidentifier() else _quoted(name)} (ignore= in Python)."
                )
        return [left[name] for name in self.names]


def ordered(
    values: RowsT, found: Columns | None, wanted: Columns | None, who: str, where: str, ignore: Sequence[str] = ()
) -> RowsT:
    """Return rows [T, D] with the `wanted` columns in their order; what has no names is left as it is.

    Raises:
        DataError, ShapeError: as `Columns.places`.
    """
    if found is None:
        if ignore:
            raise DataError(f"{where} has no names of columns, so none can be ignored: leave it out yourself.")
        return values
    wanted = found.without(ignore, where) if wanted is None else wanted
    places = wanted.places(found, who, where, ignore)
    return values if places == list(range(len(found))) else values[:, places]


def _like(name: str, known: Iterable[str]) -> str:
    near = _nearest(name, known)
    return f" (is it {_quoted(near)}?)" if near else ""


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is like this one, upper and lower case alike, if there is one."""
    folded = {other.casefold()[:100]: other for other in known}
    near = get_close_matches(name.casefold()[:100], folded, n=1)
    return folded[near[0]] if near else None


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(name[:40] for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _quoted(name: str) -> str:
    return f"'{name}'" if name.isprintable() and len(name) <= 60 else shown(name)
