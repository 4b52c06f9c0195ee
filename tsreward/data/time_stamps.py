"""Time stamps out of cells: numbers, or ISO 8601 text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d|UTC)?", re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIMIT = 2**62  # differences stay within int64, and nanoseconds since 1970 until 2116
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d\d", re.ASCII)


@dataclass(frozen=True)
class Stamps:
    """N stamps of one kind; seconds where they are text, the column's own unit where they are numbers."""

    whole: np.ndarray
    """[N] int64."""
    part: np.ndarray
    """[N] float64 in [0, 1), to be added: nanoseconds would not fit beside the year 9999."""
    zone: str | None
    """Zone of text ("+00:00", or "" where none is written); None for numbers."""

    def __len__(self) -> int:
        return len(self.whole)

    def steps(self) -> np.ndarray:
        """Return the differences [N − 1] in float64, exact in their sign."""
        return np.diff(self.whole) + np.diff(self.part)

    def at_least(self, other: Stamps) -> np.ndarray:
        """Tell which [N] are not before those of `other`, of which there are N or one; or the other way round."""
        same = self.whole == other.whole
        return (self.whole > other.whole) | (same & (self.part >= other.part))

    def take(self, rows: slice) -> Stamps:
        """Return some of them."""
        return Stamps(self.whole[rows], self.part[rows], self.zone)

    def join(self, after: Stamps) -> Stamps:
        """Return these and then those of `after`, which are of the same kind."""
        return Stamps(np.append(self.whole, after.whole), np.append(self.part, after.part), self.zone)


class StampError(ValueError):
    """Cell number `position` is none of the stamps that were wanted."""

    def __init__(self, position: int, wanted: str) -> None:
        super().__init__(wanted)
        self.position = position


def looks_like_stamp(cell: str) -> bool:
    """Tell whether a cell that is no number is a date or a time, in whatever notation.

    >>> looks_like_stamp("9/25/2017 18:00"), looks_like_stamp("two")
    (True, False)
    """
    return _DATE.match(cell.strip()) is not None


def parse_stamps(cells: Sequence[str], zone: str | None = None, known: bool = False) -> Stamps:
    """Return the stamps in cells of text, all of one kind: that of `zone` where it is `known`, else that of the first.

    Raises:
        StampError: with the position of the first cell that is none, or of another kind or zone.

    >>> parse_stamps(["2020-01-01 00:00:00.5Z"])
    Stamps(whole=array([1577836800]), part=array([0.5]), zone='+00:00')
    >>> parse_stamps(["7", "8.25"]).steps()
    array([1.25])
    """
    cells = [cell.strip() for cell in cells]
    kind = zone if known else _kind(cells[0])
    return _parse_numbers(cells) if kind is None else _parse_text(cells, kind)


def _kind(cell: str) -> str | None:
    found = _ISO.fullmatch(cell)
    return _zone(found) if found else None


def _zone(found: re.Match[str]) -> str:
    zone = found[4] or ""
    if zone in ("Z", "UTC"):
        return "+00:00"
    return f"{zone[:3]}:{zone[-2:]}" if zone else ""


def _parse_numbers(cells: Sequence[str]) -> Stamps:
    exact = all(map(_WHOLE.fullmatch, cells))
    values = [_number(cell) for cell in cells]
    for position, value in enumerate(values):
        if not abs(value) < _LIMIT:
            raise StampError(position, f"a number{'' if position else ' or ISO 8601 text such as 2020-01-31 12:00:00'}")
    if exact:
        return Stamps(np.array(values, dtype=np.int64), np.zeros(len(values)), None)
    values = np.array(values, dtype=np.float64)
    whole = np.floor(values)
    return Stamps(whole.astype(np.int64), values - whole, None)


def _number(cell: str) -> int | float:
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else np.nan


def _parse_text(cells: Sequence[str], zone: str) -> Stamps:
    dates, parts = [], np.zeros(len(cells))
    wanted = f"ISO 8601 text {f'in zone {zone}' if zone else 'without a zone'}, as in the rows above it"
    for position, cell in enumerate(cells):
        found = _ISO.fullmatch(cell)
        if found is None or _zone(found) != zone:
            raise StampError(position, wanted)
        dates.append(f"{found[1]}T{found[2] or '00:00'}")
        if found[3]:
            parts[position] = int(found[3]) / 10 ** len(found[3])
    try:
        seconds = np.array(dates, dtype="datetime64[s]")
    except ValueError:  # the 30th of February
        wrong = next(position for position, date in enumerate(dates) if not _exists(date))
        raise StampError(wrong, "a date that exists") from None
    return Stamps(seconds.astype(np.int64), parts, zone)


def _exists(date: str) -> bool:
    try:
        np.datetime64(date, "s")
    except ValueError:
        return False
    return True
