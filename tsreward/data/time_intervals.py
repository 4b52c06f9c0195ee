"""Labels that are given as intervals of time: a table with the columns start and end, both ends included."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsreward.data.tables import open_table
from tsreward.errors import DataError
from tsreward.sequences.stamp_reader import StampReader
from tsreward.sequences.time import StampError, Stamps, parse_stamps


class LabelIntervals:
    """The intervals of a file, marked in the stamps of a log chunk by chunk.

    They may overlap, and reach beyond the log, of which they label what there is. An empty start or end is open.

    Args:
        path: the table.
        reader: of stamps that are written as those of the log; None reads what the log has by itself.
    """

    def __init__(self, path: Path, reader: StampReader | None = None) -> None:
        self.path = path
        with open_table(path) as table:
            rows = table.read(texts=("start", "end"))
        self._cells = {side: [cell.strip() for cell in rows.texts(side)] for side in ("start", "end")}
        self._open = {side: np.array([not cell for cell in cells]) for side, cells in self._cells.items()}
        self._reader = reader
        self._bounds: dict[str, Stamps] | None = None
        self._first: Stamps | None = None
        self._last: Stamps | None = None
        self._rows = np.zeros(len(self._cells["start"]), dtype=np.int64)

    def mark(self, stamps: Stamps) -> np.ndarray:
        """Return labels [N] of the next stamps of the log: 1 inside an interval, else 0.

        Raises:
            DataError: a bound is none of the kind and zone of the log's stamps, or an end is before its start.
        """
        if self._bounds is None:
            self._bounds = {side: self._parse(side, stamps) for side in ("start", "end")}
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
        """Return what was done about intervals that reach beyond the log, in words, when it has ended."""
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
        return [f"of {len(none)} intervals of {self.path}: {', '.join(told)}"] if told else []

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
                f"{self.path}: row {place + 1} of column '{side}' must be {error}, found {cells[place][:40]!r}: write "
                f"it as the time column of the log is written."
            ) from None
        whole[given], part[given] = found.whole, found.part
        return Stamps(whole, part, found.zone)

    def _refuse(self, wrong: np.ndarray, text: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            start, end = (self._cells[side][row][:40] for side in ("start", "end"))
            raise DataError(f"{self.path}: row {row + 1}, the interval from {start} to {end}, {text}.")
