"""`RowCleaner`: rows of a log with missing values, chunk after chunk, and what is done about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tsreward.errors import DataError
from tsreward.sequences.row_options import Missing

HELD_ROWS = 2**20
"""Rows that wait for a value to draw a line to, at most."""


@dataclass(frozen=True)
class CleanRows:
    """Consecutive rows of a log that are ready to be scored."""

    values: np.ndarray
    """[T, D], finite but with `mask`."""
    rows: np.ndarray
    """[T] int64, which rows of the log they are, from 0."""
    starts: np.ndarray
    """[T] bool, the rows at which windows begin anew."""
    missing: np.ndarray
    """[T] bool, the rows some value of which was missing."""
    settled: int
    """Rows of the log that are done with: the next ones come later."""


class RowCleaner:
    """Does what `how` says about missing values (NaN) of the rows of one log; the result depends on no chunk's length.

    What is filled is filled from the same stretch of rows, which ends where windows begin anew. With ffill, rows before
    the first value of a column are left out; interpolate takes the first or the last value beyond the ends.

    Args:
        how: error, drop, ffill, interpolate or mask; see `RowOptions`.
        names: of the columns, for messages.
        where: what the log is called in messages.
    """

    def __init__(self, how: Missing, names: Sequence[str], where: object) -> None:
        self.how, self.names, self.where = how, names, where
        self.filled = self.dropped = self.cells = 0
        self._count = 0
        self._seen = np.zeros(len(names), dtype=bool)
        self._waiting = _Rows.none(len(names))
        """ffill: the last values; interpolate: rows that wait, and those before them that lines are drawn from."""
        self._done = 0
        """Rows at the beginning of those that wait which were given out already."""
        self._start = False
        """Whether the next row begins windows anew, as a row that was left out should have."""

    def push(self, values: np.ndarray, starts: np.ndarray, time: np.ndarray | None = None) -> CleanRows:
        """Return the rows that are ready after the next rows.

        Args:
            values: [T, D], NaN where a value is missing.
            starts: [T] bool, the rows at which windows begin anew.
            time: [T] seconds since any moment, by which interpolate goes; None counts rows.

        Raises:
            DataError: a value is missing, and `how` is error; or too many rows wait for the value of a column.
        """
        first, self._count = self._count, self._count + len(values)
        rows = np.arange(first, self._count)
        lacks = np.isnan(values)
        self._seen |= ~lacks.all(0) if len(values) else False
        self.cells += int(lacks.sum())
        missing = np.asarray(lacks.any(1))
        if self.how == "error" and missing.any():
            row = int(np.argmax(missing))
            name = self.names[int(np.argmax(lacks[row]))]
            raise DataError(
                f"{self.where}: row {first + row + 1} of column '{name}' has no value: fill or drop it, or "
                f"take --missing drop, ffill, interpolate or mask (missing= in Python)."
            )
        time = rows.astype(np.float64) if time is None else time
        given = _Rows(values, rows, starts, missing, time)
        if self.how == "interpolate":
            return self._interpolated(given, last=False)
        if self.how == "ffill":
            given = self._filled_forward(given)
        keep = np.asarray(~np.isnan(given.values).any(1)) if self.how in ("drop", "ffill") else np.full(len(rows), True)
        return self._given_out(given, keep, self._count)

    def finish(self) -> CleanRows:
        """Return the rows that still wait when the log has ended.

        Raises:
            DataError: a column has no value at all, which only mask takes, or no row is left.
        """
        if self._count and not self._seen.all() and self.how != "mask":
            name = self.names[int(np.argmin(self._seen))]
            raise DataError(f"{self.where}: column '{name}' holds no value at all: leave it out with --ignore {name}.")
        if self.how == "interpolate":
            rest = self._interpolated(_Rows.none(len(self.names)), last=True)
        else:
            rest = self._given_out(_Rows.none(len(self.names)), np.zeros(0, dtype=bool), self._count)
        if self._count and self._count == self.dropped:
            raise DataError(
                f"{self.where}: each row lacks a value, so --missing {self.how} leaves none: take another one."
            )
        return rest

    def notes(self) -> list[str]:
        """Return what was done, in words."""
        notes = []
        count = f"{self.cells} missing value{'s' * (self.cells > 1)}"
        if self.filled:
            done = {
                "ffill": "replaced by the value before",
                "interpolate": "interpolated",
                "mask": "replaced by what the rest of the row lets expect",
            }[self.how]
            notes.append(f"{count} in {self.filled} row{'s' * (self.filled > 1)} {done}")
        if self.dropped:
            notes.append(f"{self.dropped} row{'s' * (self.dropped > 1)} with missing values left out")
        return notes

    def _given_out(self, given: _Rows, keep: np.ndarray, settled: int) -> CleanRows:
        """Return the rows to keep; windows begin anew behind a row that should have begun them and is left out."""
        self.dropped += int((~keep).sum())
        stretch = np.cumsum(given.starts) + 0
        if len(keep):
            stretch += int(self._start) * int(not given.starts[0])
        kept = stretch[keep]
        starts = np.diff(kept, prepend=0) > 0
        if len(kept):
            self._start = bool(stretch[-1] > kept[-1])
        elif len(keep):
            self._start = bool(stretch[-1] > 0)
        part = given.take(keep)
        self.filled += int(part.missing.sum())
        return CleanRows(part.values, part.rows, starts, part.missing, settled)

    def _filled_forward(self, given: _Rows) -> _Rows:
        both = self._waiting.join(given)
        begins = np.maximum.accumulate(np.where(both.starts, np.arange(len(both.rows)), 0))
        place = np.where(np.isnan(both.values), -1, np.arange(len(both.rows))[:, None])
        place = np.maximum.accumulate(place, axis=0)
        inside = place >= begins[:, None]
        values = np.where(inside, np.take_along_axis(both.values, np.maximum(place, 0), 0), np.nan)
        filled = both.with_values(values)
        self._waiting = filled.take(slice(-1, None))
        self._waiting.starts[:] = True  # what came before it is in its values
        return filled.take(slice(len(both.rows) - len(given.rows), None))

    def _interpolated(self, given: _Rows, last: bool) -> CleanRows:
        both = self._waiting.join(given)
        if not len(both.rows):
            return self._given_out(both, np.zeros(0, dtype=bool), self._count)
        borders = [*sorted({0, *map(int, np.flatnonzero(both.starts))}), len(both.rows)]
        values = both.values.copy()
        ready, context = len(both.rows), len(both.rows)
        for start, stop in pairwise(borders):
            whole = last or stop < len(both.rows)
            for column in range(values.shape[1]):
                there = start + np.flatnonzero(~np.isnan(both.values[start:stop, column]))
                if len(there) and len(there) < stop - start:
                    span = slice(start, stop)
                    moment = both.time - both.time[start]
                    values[span, column] = np.interp(moment[span], moment[there], both.values[there, column])
                if whole:
                    continue
                if not len(there):
                    ready, context = min(ready, start), min(context, start)
                elif there[-1] + 1 < ready:
                    ready = int(there[-1]) + 1
        if not last:
            start = borders[-2]
            for column in range(values.shape[1]):
                there = start + np.flatnonzero(~np.isnan(both.values[start:ready, column]))
                context = min(context, int(there[-1]) if len(there) else start)
            if len(both.rows) - context > HELD_ROWS:
                lacks = np.isnan(both.values[ready]) if ready < len(both.rows) else self._seen
                raise DataError(
                    f"{self.where}: column '{self.names[int(np.argmax(lacks))]}' has no value in {HELD_ROWS:,} rows, "
                    f"which wait for one: take --missing ffill or drop, or leave the column out with --ignore."
                )
        part = both.with_values(values).take(slice(self._done, ready))
        settled = int(both.rows[ready]) if ready < len(both.rows) else self._count
        keep = np.asarray(~np.isnan(part.values).any(1))
        context = min(context, ready)
        self._waiting, self._done = both.take(slice(context, None)), ready - context
        return self._given_out(part, keep, settled)


@dataclass(frozen=True)
class _Rows:
    values: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    missing: np.ndarray
    time: np.ndarray

    @classmethod
    def none(cls, dim: int) -> _Rows:
        flags = np.zeros(0, dtype=bool)
        return cls(np.zeros((0, dim)), np.zeros(0, dtype=np.int64), flags, flags, np.zeros(0))

    def join(self, after: _Rows) -> _Rows:
        return self._map(lambda name: np.concatenate([getattr(self, name), getattr(after, name)]))

    def take(self, part: slice | np.ndarray) -> _Rows:
        return self._map(lambda name: getattr(self, name)[part].copy())

    def with_values(self, values: np.ndarray) -> _Rows:
        return _Rows(values, self.rows, self.starts, self.missing, self.time)

    def _map(self, of: Callable[[str], np.ndarray]) -> _Rows:
        return _Rows(*(of(name) for name in ("values", "rows", "starts", "missing", "time")))
