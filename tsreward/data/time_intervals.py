"""Labels that are given as intervals of time: a table with the columns start and end, both ends included."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsreward.data.tables import open_table
from tsreward.errors import DataError
from tsreward.sequences.time import StampError, Stamps, parse_stamps


class LabelIntervals:
    """The intervals of a file, marked in the stamps of a log chunk by chunk; they may overlap."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_table(path) as table:
            rows = table.read(texts=("start", "end"))
        self._cells = [rows.texts(side) for side in ("start", "end")]
        self._bounds: tuple[Stamps, Stamps] | None = None
        self._last: Stamps | None = None
        self._rows = np.zeros(len(self._cells[0]), dtype=np.int64)

    def mark(self, stamps: Stamps) -> np.ndarray:
        """Return labels [N] of the next stamps of the log: 1 inside an interval, else 0.

        Raises:
            DataError: a bound is none of the kind and zone of the log's stamps, an end is before its start, or an
                interval starts before the log.
        """
        if self._bounds is None:
            self._bounds = self._parse("start", stamps), self._parse("end", stamps)
            self._refuse(~self._bounds[1].at_least(self._bounds[0]), "ends before it starts: swap the two")
            self._refuse(~self._bounds[0].at_least(stamps.take(slice(1))), "starts before the log: correct or drop it")
        labels = np.zeros(len(stamps))
        for index in range(len(self._rows)):
            start, end = (bound.take(slice(index, index + 1)) for bound in self._bounds)
            inside = stamps.at_least(start) & end.at_least(stamps)
            labels[inside] = 1
            self._rows[index] += np.count_nonzero(inside)
        self._last = stamps.take(slice(-1, None))
        return labels

    def finish(self) -> None:
        """Check what is known when the log has ended.

        Raises:
            DataError: an interval ends after the log, or lies between two of its rows.
        """
        assert self._bounds is not None and self._last is not None
        self._refuse(~self._last.at_least(self._bounds[1]), "ends after the log: correct or drop it")
        self._refuse(self._rows == 0, "lies between two rows of the log and labels none: correct or drop it")

    def _parse(self, side: str, stamps: Stamps) -> Stamps:
        cells = self._cells[side == "end"]
        try:
            return parse_stamps(cells, stamps.zone, known=True)
        except StampError as error:
            raise DataError(
                f"{self.path}: row {error.position + 1} of column '{side}' must be {error}, found "
                f"{cells[error.position][:40]!r}: write it as the time column of the log is written."
            ) from None

    def _refuse(self, wrong: np.ndarray, text: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            start, end = (cells[row][:40] for cells in self._cells)
            raise DataError(f"{self.path}: row {row + 1}, the interval from {start} to {end}, {text}.")
