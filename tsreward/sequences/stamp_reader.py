"""`StampReader`: text as time stamps in any notation, with zones and clocks that are set back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tsreward.sequences.time import StampError, Stamps, iso_seconds, parse_numbers, parse_stamps, seconds_of

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Unit of numbers since 1970 -> how many make a second."""


@dataclass
class StampReader:
    """Reads cells of text as stamps, chunk after chunk.

    Args:
        form: how they are written: as datetime.strptime has it, or the unit of numbers since 1970 (s, ms, us, ns); None
            takes ISO 8601 text and numbers.
        zone: time zone (of the IANA) of text without one; text with zones may then have several. None takes text of
            one zone.
    """

    form: str | None = None
    zone: str | None = None
    _known: bool = field(default=False, repr=False)
    _kind: str | None = field(default=None, repr=False)
    _local: _LocalTime | None = field(default=None, repr=False)

    def read(self, cells: Sequence[str]) -> Stamps:
        """Return the stamps in the next cells.

        Raises:
            StampError: with the position of the first cell that is none, or of another kind or zone.

        >>> StampReader("%d/%m/%Y %H:%M", "Europe/Berlin").read(["31/03/2024 01:59", "31/03/2024 03:00"]).steps()
        array([60.])
        >>> StampReader(zone="UTC").read(["2024-10-27 02:59+02:00", "2024-10-27 02:00+01:00"]).steps()
        array([60.])
        """
        if self.form in UNITS:
            return self._epochs(cells)
        if self.form is None and self.zone is None:
            stamps = parse_stamps(cells, self._kind, self._known)
            self._known, self._kind = True, stamps.zone
            return stamps
        whole, part, offset = self._fields([cell.strip() for cell in cells])
        naive = np.isnan(offset)
        if self.zone is None:
            zones = {None if bare else value for bare, value in zip(naive, offset, strict=True)}
            first = None if naive[0] else offset[0]
            if self._known:
                first = self._kind
            if zones != {first}:
                wrong = np.isnan(offset) != (first is None) if first is None else ~(offset == first)
                raise StampError(int(np.argmax(wrong)), "text of one zone (--time-zone UTC takes several)")
            self._known, self._kind = True, first
            seconds = whole if first is None else whole - offset.astype(np.int64)
            return Stamps(seconds, part, "" if first is None else "+00:00")
        seconds = whole - np.nan_to_num(offset).astype(np.int64)
        if naive.any():
            self._local = self._local or _LocalTime(self.zone)
            seconds[naive] = self._local.to_utc(whole[naive], np.flatnonzero(naive))
        return Stamps(seconds, part, "+00:00")

    def _epochs(self, cells: Sequence[str]) -> Stamps:
        given, scale = parse_numbers([cell.strip() for cell in cells]), UNITS[self.form or "s"]
        whole, rest = np.divmod(given.whole, scale)
        return Stamps(whole, (rest + given.part) / scale, "+00:00")

    def _fields(self, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return whole seconds as written [N], parts of a second [N], and the offset from UTC [N], NaN without one."""
        return self._strptime(cells) if self.form is not None else _iso_fields(cells)

    def _strptime(self, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        read: dict[str, tuple[int, float, float]] = {}
        for position, cell in enumerate(cells):
            if cell in read:
                continue
            try:
                found = datetime.strptime(cell, self.form or "")
            except ValueError:
                raise StampError(position, f"text like {self.form} (--time-format)") from None
            written = found.replace(tzinfo=UTC, microsecond=0)
            offset = found.utcoffset()
            read[cell] = (
                (written - _EPOCH_START) // timedelta(seconds=1),
                found.microsecond / 1e6,
                np.nan if offset is None else offset.total_seconds(),
            )
        whole, part, offsets = zip(*(read[cell] for cell in cells), strict=True)
        return np.array(whole, dtype=np.int64), np.array(part), np.array(offsets)


_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


class _LocalTime:
    """Local times in their order as UTC: the hour that a clock set back shows twice is told apart by the order."""

    def __init__(self, zone: str) -> None:
        self._zone, self._name = ZoneInfo(zone), zone
        self._before: int | None = None
        self._second = False

    def to_utc(self, local: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return seconds [N] in UTC; `places` [N] are positions for errors.

        Raises:
            StampError: a time that clocks set forward never showed.
        """
        quarters, which = np.unique(local // 900, return_inverse=True)  # offsets change on a quarter of an hour
        first, second = (np.array([self._offset(int(quarter) * 900, fold) for quarter in quarters]) for fold in (0, 1))
        first, second = first[which], second[which]
        if (skipped := first < second).any():
            raise StampError(int(places[np.argmax(skipped)]), f"a time that clocks in {self._name} show")
        offset = first.copy()
        for row in np.flatnonzero(first > second):  # an hour in a year
            before = int(local[row - 1]) if row else self._before
            again = row == 0 or first[row - 1] > second[row - 1]
            if before is not None and local[row] < before:
                self._second = True
            elif not again:
                self._second = False
            offset[row] = second[row] if self._second else first[row]
        if len(local) and first[-1] == second[-1]:
            self._second = False
        self._before = int(local[-1]) if len(local) else self._before
        return local - offset

    def _offset(self, local: int, fold: int) -> int:
        time = (_EPOCH_START + timedelta(seconds=local)).replace(tzinfo=self._zone, fold=fold)
        return round((time.utcoffset() or timedelta()).total_seconds())


def _iso_fields(cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    wanted = "ISO 8601 text such as 2020-01-31 12:00:00 (--time-format reads other text)"
    stamps, zones = iso_seconds(cells, lambda zone: True, wanted)
    offsets = {zone: float(seconds_of(zone)) if zone else np.nan for zone in set(zones)}
    return stamps.whole, stamps.part, np.array([offsets[zone] for zone in zones])
