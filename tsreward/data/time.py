"""Time stamps: parsing, order and gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.errors import DataError

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

    def as_array(self) -> np.ndarray:
        """Return them [N] as numbers, or as datetime64 as they were written: in UTC where their zone is UTC or another.

        >>> parse_stamps(["2020-01-01 02:00+02:00"]).as_array(), parse_stamps(["7", "8.5"]).as_array()
        (array(['2020-01-01T00:00:00'], dtype='datetime64[s]'), array([7. , 8.5]))
        """
        if self.zone is None:
            return self.whole + self.part if self.part.any() else self.whole
        offset = 0
        if self.zone:
            hours, minutes = int(self.zone[1:3]), int(self.zone[4:])
            offset = (hours * 3600 + minutes * 60) * (-1 if self.zone[0] == "-" else 1)
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
    wanted = f"ISO 8601 text {f'in zone {zone}' if zone else 'without a zone'}, such as 2020-01-31 12:00:00{zone}"
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


_TOLERANCE = 0.01
_EPOCH = 10**8
_UNIT_JUMP = 100


@dataclass(frozen=True)
class Irregularity:
    """How the steps of a log depart from the usual one, which is the median in its first chunk."""

    usual: float
    gaps: int = 0
    """Steps of more than 1.5 times the usual one."""
    others: int = 0
    """Other steps that are more than 1 % off."""
    first: int = 0
    """Row at the end of the first gap or irregular step; 0 where there is none."""


class TimeOrder:
    """The check of one time column, chunk by chunk.

    Stamps are numbers of any unit, or ISO 8601 text: YYYY-MM-DD, then hours, minutes, seconds and a zone where there
    are any; none of them wraps around, up to year 9999. With a `step` (seconds for text, else the unit of the column)
    every stamp must follow the one before by it, within 1 %; without, gaps and irregular steps are counted in
    `irregularity`.
    """

    def __init__(self, path: Path, column: str, step: float | None = None) -> None:
        self.path, self.column, self.step = path, column, step
        self.irregularity: Irregularity | None = None
        self._last: Stamps | None = None

    def begin(self) -> None:
        """Take the next stamp for the first one of another episode, which may be before the last one."""
        self._last = None

    def check(self, cells: Sequence[str], first: int) -> Stamps:
        """Return the stamps of the next rows, the first of which is row `first`.

        Raises:
            DataError: a cell is no stamp, or of another unit or zone; a stamp is not after the one before; or the step
                is another than what was asked for.
        """
        try:
            known = self._last is not None
            stamps = parse_stamps(cells, self._last.zone if self._last else None, known)
        except StampError as error:
            cell = cells[error.position]
            found = repr(cell[:40]) if cell.strip() else "nothing"
            raise self._error(
                first + error.position, f"must be {error}, found {found}: fill, convert or drop the row"
            ) from None
        joined = stamps if self._last is None else self._last.join(stamps)
        # The first of `joined` is the last stamp before, if there is one: its row is `start`.
        start = first + len(stamps) - len(joined)
        steps = joined.steps()
        self._check_units(joined, start)
        if (back := np.flatnonzero(steps <= 0)).size:
            raise self._disorder(float(steps[back[0]]), stamps.zone, start + int(back[0]) + 1)
        self._check_regular(steps, start + 1)
        self._last = joined.take(slice(-1, None))
        return stamps

    def _check_units(self, stamps: Stamps, start: int) -> None:
        """Refuse an epoch that goes from seconds to milliseconds, which is in order and a thousandfold."""
        if stamps.zone is not None:
            return
        size = np.abs(stamps.whole.astype(np.float64))
        before, after = size[:-1], size[1:]
        jumps = np.minimum(before, after) * _UNIT_JUMP < np.maximum(before, after)
        jumps &= np.minimum(before, after) >= _EPOCH
        if jumps.any():
            row = int(np.argmax(jumps))
            raise self._error(
                start + row + 1,
                f"is {stamps.whole[row + 1]} after {stamps.whole[row]}, so its unit changes: write all stamps in one "
                f"unit",
            )

    def _disorder(self, step: float, zone: str | None, row: int) -> DataError:
        if step == 0:
            return self._error(row, "repeats the stamp of the row before: keep one row per stamp")
        unit = "" if zone is None else " s"
        text = f"is {-step:g}{unit} before the row above: sort the rows"
        if zone == "" and step >= -3600:
            text += ", or, if the clock was set back from summer time, write the stamps in UTC"
        return self._error(row, text)

    def _check_regular(self, steps: np.ndarray, first: int) -> None:
        if not len(steps):
            return
        if self.step is not None:
            off = np.abs(steps - self.step) > _TOLERANCE * self.step
            if off.any():
                row = int(np.argmax(off))
                raise self._error(
                    first + row,
                    f"comes {steps[row]:g} after the row above, but --time-step asks for {self.step:g}: fill the gap, "
                    f"or leave --time-step out",
                )
            return
        known = self.irregularity or Irregularity(float(np.median(steps)))
        off = np.abs(steps - known.usual) > _TOLERANCE * known.usual
        gaps = steps > 1.5 * known.usual
        self.irregularity = Irregularity(
            known.usual,
            known.gaps + int(gaps.sum()),
            known.others + int((off & ~gaps).sum()),
            known.first or (first + int(np.argmax(off)) if off.any() else 0),
        )

    def _error(self, row: int, text: str) -> DataError:
        return DataError(f"{self.path}: row {row} of time column '{self.column}' {text}.")
