"""Time stamps, and what text and indices of frames are read as."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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

    def since(self, other: Stamps) -> np.ndarray:
        """Return seconds [N] float64 since the first of other stamps."""
        return (self.whole - other.whole[0]) + (self.part - other.part[0])

    def take(self, rows: slice | np.ndarray) -> Stamps:
        """Return some of them."""
        return Stamps(self.whole[rows], self.part[rows], self.zone)

    def join(self, after: Stamps) -> Stamps:
        """Return these and then those of `after`, which are of the same kind."""
        return Stamps(np.append(self.whole, after.whole), np.append(self.part, after.part), self.zone)

    def as_array(self) -> np.ndarray:
        """Return them [N] as numbers, or as datetime64 as they were written: in UTC where their zone is UTC or another.

        >>> parse_stamps(["2020-01-01 02:00+02:00"]).as_array(), parse_stamps(["7", "8.5"]).as_array()
        (array(['2020-01-01T00:00:00'], dtype='datetime64[s]'), array([7. , 8.5]))
        """
        if self.zone is None:
            return self.whole + self.part if self.part.any() else self.whole
        offset = 0
        if self.zone:
            offset = seconds_of(self.zone)
        seconds = (self.whole - offset).astype("datetime64[s]")
        if not self.part.any():
            return seconds
        return seconds.astype("datetime64[ns]") + np.round(self.part * 1e9).astype("timedelta64[ns]")


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


def index_stamps(index: Any) -> Stamps | None:
    """Return the stamps of the index of a pandas frame that is a time, in UTC where it has a zone; None for others.

    Raises:
        StampError: with the position of the first one that is missing.

    >>> import pandas
    >>> index_stamps(pandas.date_range("2024-01-01", periods=2, freq="500ms")).steps()
    array([0.5])
    """
    if hasattr(index, "to_timestamp") and not hasattr(index, "tz"):  # periods
        index = index.to_timestamp()
    if not isinstance(getattr(index, "dtype", None), np.dtype):
        if getattr(index, "tz", None) is None:
            return None
        index = index.tz_convert("UTC").tz_localize(None)
    values = np.asarray(index)
    if values.dtype.kind not in "mM":
        return None
    if (missing := np.isnat(values)).any():
        raise StampError(int(np.argmax(missing)), "a time")
    unit = "timedelta64" if values.dtype.kind == "m" else "datetime64"
    seconds = (
        values.astype(f"{unit}[s]") if values.dtype.kind == "M" else np.floor_divide(values, np.timedelta64(1, "s"))
    )
    seconds = seconds.astype(np.int64)
    rest = values - seconds.astype(f"{unit}[s]")
    part = rest / np.timedelta64(1, "s")
    return Stamps(seconds, np.asarray(part, dtype=np.float64), "+00:00")


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
    return parse_numbers(cells) if kind is None else _parse_text(cells, kind)


def _kind(cell: str) -> str | None:
    found = _ISO.fullmatch(cell)
    return _zone(found) if found else None


def _zone(found: re.Match[str]) -> str:
    zone = found[4] or ""
    if zone in ("Z", "UTC"):
        return "+00:00"
    return f"{zone[:3]}:{zone[-2:]}" if zone else ""


def parse_numbers(cells: Sequence[str]) -> Stamps:
    """Return numbers as stamps.

    Raises:
        StampError: a cell is none.
    """
    exact = all(map(_WHOLE.fullmatch, cells))
    values = [_number(cell) for cell in cells]
    for position, value in enumerate(values):
        if not abs(value) < _LIMIT:
            text = " or ISO 8601 text such as 2020-01-31 12:00:00 (--time-format reads other text)"
            raise StampError(position, f"a number{'' if position else text}")
    if exact:
        return Stamps(np.array(values, dtype=np.int64), np.zeros(len(values)), None)
    values = np.array(values, dtype=np.float64)
    whole = np.floor(values)
    return Stamps(whole.astype(np.int64), values - whole, None)


def _number(cell: str) -> int | float:
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else np.nan


def seconds_of(zone: str) -> int:
    """Return the offset from UTC of a zone such as "+02:00"."""
    return (int(zone[1:3]) * 3600 + int(zone[4:]) * 60) * (-1 if zone[0] == "-" else 1)


def _parse_text(cells: Sequence[str], zone: str) -> Stamps:
    wanted = f"ISO 8601 text {f'in zone {zone}' if zone else 'without a zone'}, such as 2020-01-31 12:00:00{zone}"
    other = " (--time-zone UTC takes several zones, --time-format other text)"
    return Stamps(*iso_seconds(cells, lambda found: found == zone, wanted + other)[0], zone)


class _Seconds(NamedTuple):
    """[N] int64 seconds as written, and [N] parts of a second."""

    whole: np.ndarray
    part: np.ndarray


def iso_seconds(cells: Sequence[str], takes: Callable[[str], bool], wanted: str) -> tuple[_Seconds, list[str]]:
    """Return seconds as they are written, and zones [N]."""
    dates, parts, zones = [], np.zeros(len(cells)), []
    for position, cell in enumerate(cells):
        found = _ISO.fullmatch(cell)
        if found is None or not takes(zone := _zone(found)):
            raise StampError(position, wanted)
        zones.append(zone)
        dates.append(f"{found[1]}T{found[2] or '00:00'}")
        if found[3]:
            parts[position] = int(found[3]) / 10 ** len(found[3])
    try:
        seconds = np.array(dates, dtype="datetime64[s]")
    except ValueError:  # the 30th of February
        wrong = next(position for position, date in enumerate(dates) if not _exists(date))
        raise StampError(wrong, "a date that exists") from None
    return _Seconds(seconds.astype(np.int64), parts), zones


def _exists(date: str) -> bool:
    try:
        np.datetime64(date, "s")
    except ValueError:
        return False
    return True
