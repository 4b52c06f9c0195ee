"""Labels that are given as intervals of time: a table of starts, and of ends or durations; both ends are included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from tsreward.data.columns import TableColumns
from tsreward.data.tables import open_table
from tsreward.errors import DataError
from tsreward.sequences.stamp_reader import StampReader
from tsreward.sequences.time import StampError, Stamps, parse_stamps

STARTS = ("start", "begin", "from", "onset", "started", "begun", "start_time", "begin_time", "start_date")
ENDS = ("end", "stop", "finish", "to", "until", "ended", "stopped", "finished", "end_time", "stop_time", "end_date")
DURATIONS = ("duration", "duration_s", "duration_sec", "duration_seconds")
"""Names of columns, in small letters and with _ for blanks; the first that is there is taken."""
_CLOCK = re.compile(r"(?:(\d+) days? )?(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?", re.ASCII)


class LabelIntervals:
    """The intervals of a file, marked in the stamps of a log chunk by chunk.

    They may overlap, and reach beyond the log, of which they label what there is. An empty start or end is open.

    Args:
        path: the table.
        reader: of stamps that are written as those of the log; None reads what the log has by itself.
        columns: of starts and of ends, or of +durations; without any, what is called so (`STARTS`, `ENDS`,
            `DURATIONS`).
    """

    def __init__(self, path: Path, reader: StampReader | None = None, columns: Sequence[str] = ()) -> None:
        self.path = path
        with open_table(path) as table:
            start, end = columns or _named(path, table.names)
            self._lasts = end.startswith("+") and end not in table.names
            self._names = {"start": start, "end": end.removeprefix("+") if self._lasts else end}
            rows = table.read(texts=[*self._names.values()])
        self._cells = {side: [cell.strip() for cell in rows.texts(name)] for side, name in self._names.items()}
        self._open = {side: np.array([not cell for cell in cells]) for side, cells in self._cells.items()}
        self._reader = reader
        self._bounds: dict[str, Stamps] | None = None
        self._first: Stamps | None = None
        self._last: Stamps | None = None
        self._rows = np.zeros(len(self._cells["start"]), dtype=np.int64)

    @classmethod
    def told(cls, columns: TableColumns) -> Self | None:
        """Return the intervals that options name; None where they name none.

        Raises:
            DataError: the table lacks a column, or cannot be read.
        """
        if columns.label_intervals is None:
            return None
        reader = StampReader(columns.time_format, columns.time_zone)
        return cls(columns.label_intervals, reader, columns.interval_columns)

    def mark(self, stamps: Stamps) -> np.ndarray:
        """Return labels [N] of the next stamps of the log: 1 inside an interval, else 0.

        Raises:
            DataError: a bound is none of the kind and zone of the log's stamps, or an end is before its start.
        """
        if self._bounds is None:
            start = self._parse("start", stamps)
            self._bounds = {"start": start, "end": self._after(start) if self._lasts else self._parse("end", stamps)}
            swapped = ~self._bounds["end"].at_least(self._bounds["start"])
            self._refuse(swapped & ~self._open["start"] & ~self._open["end"], "ends before it starts: swap the two")
            self._first = stamps.take(slice(1))
        labels = np.zeros(len(stamps))
        for index in range(len(self._rows)):
            bounds = {side: self._bounds[side].take(slice(index, index + 1)) for side in ("start", "end")}
            inside = (stamps.at_least(bounds["start"]) | self._open["start"][index]) & (
                bounds["end"].at_least(stamps) | self._open["end"][index]
            )
            labels[inside] = 1
            self._rows[index] += np.count_nonzero(inside)
        self._last = stamps.take(slice(-1, None))
        return labels

    def notes(self) -> list[str]:
        """Return which columns were taken, and what was done about intervals that reach beyond the log, in words, when
        it has ended."""
        if self._bounds is None or self._first is None or self._last is None:
            return []
        start, end = self._bounds["start"], self._bounds["end"]
        none = self._rows == 0
        early = ~start.at_least(self._first) & ~self._open["start"] & ~none
        late = ~self._last.at_least(end) & ~self._open["end"] & ~none
        opened = (self._open["start"] | self._open["end"]) & ~none
        counts = {
            "cut at the beginning of the log": int(early.sum()),
            "cut at its end": int(late.sum()),
            "without a start or an end taken to the border of the log": int(opened.sum()),
            "with no row of the log in them": int(none.sum()),
        }
        told = [f"{count} {text}" for text, count in counts.items() if count]
        notes = [f"of {len(none)} intervals of {self.path}: {', '.join(told)}"] if told else []
        if (names := tuple(self._names.values())) != ("start", "end"):
            unit = "seconds" if start.zone is not None else "the unit of the time column"
            ends = f"durations in '{names[1]}' ({unit})" if self._lasts else f"ends in '{names[1]}'"
            notes.insert(0, f"intervals of {self.path}: starts in '{names[0]}', {ends}")
        return notes

    def _parse(self, side: str, stamps: Stamps) -> Stamps:
        cells, given = self._cells[side], np.flatnonzero(~self._open[side])
        texts = [cells[place] for place in given]
        whole, part = np.zeros(len(cells), dtype=np.int64), np.zeros(len(cells))
        try:
            if texts and self._reader is not None and (self._reader.form or self._reader.zone):
                found = StampReader(self._reader.form, self._reader.zone).read(texts)
            elif texts:
                found = parse_stamps(texts, stamps.zone, known=True)
            else:
                return Stamps(whole, part, stamps.zone)
        except StampError as error:
            place = int(given[error.position])
            raise DataError(
                f"{self.path}: row {place + 1} of column '{self._names[side]}' must be {error}, found "
                f"{cells[place][:40]!r}: write it as the time column of the log is written."
            ) from None
        whole[given], part[given] = found.whole, found.part
        return Stamps(whole, part, found.zone)

    def _after(self, start: Stamps) -> Stamps:
        """Return the ends of intervals that last as long as the column of durations says."""
        lasts = np.zeros(len(start))
        for row in np.flatnonzero(~self._open["end"]):
            cell = self._cells["end"][row]
            if self._open["start"][row]:
                raise DataError(f"{self.path}: row {row + 1} lasts {cell[:40]!r} and has no start: write its start.")
            lasts[row] = self._seconds(cell, row, start.zone is not None)
        whole, part = np.divmod(start.part + lasts, 1)
        return Stamps(start.whole + whole.astype(np.int64), part, start.zone)

    def _seconds(self, cell: str, row: int, clock: bool) -> float:
        found = _CLOCK.fullmatch(cell) if clock else None
        if found is not None:
            days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
            return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        if not 0 <= value < 2**53:
            wanted = "seconds, or hours:minutes:seconds" if clock else "a number in the unit of the time column"
            raise DataError(
                f"{self.path}: row {row + 1} of column '{self._names['end']}' must be {wanted}, found {cell[:40]!r}: "
                f"write it so, or give ends with --interval-columns."
            )
        return value

    def _refuse(self, wrong: np.ndarray, text: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            start, end = (self._cells[side][row][:40] for side in ("start", "end"))
            raise DataError(f"{self.path}: row {row + 1}, the interval from {start} to {end}, {text}.")


def _named(path: Path, names: Sequence[str]) -> tuple[str, str]:
    """Return the columns of starts and of ends or, behind a +, of durations, by what they are called.

    Raises:
        DataError: there are no such columns.
    """
    by_word = {"_".join(name.lower().split()): name for name in reversed(names)}
    found = [next((by_word[word] for word in words if word in by_word), None) for words in (STARTS, ENDS, DURATIONS)]
    start, end = found[0], found[1] or (found[2] and f"+{found[2]}")
    if start is None or end is None:
        lacks = "starts (start, begin, from, ...)" if start is None else "ends or durations (end, stop, duration, ...)"
        raise DataError(
            f"{path} has no column of {lacks}: it has {', '.join(name[:40] for name in names[:12])}. Name both with "
            f"--interval-columns START END, or START +DURATION."
        )
    return start, end
