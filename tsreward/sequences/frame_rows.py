"""The rows of a table in memory, checked and cleaned as those of a file are: columns, time, gaps, missing values."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.errors import DataError
from tsreward.named_warnings import warn
from tsreward.sequences.cleaning import CleanRows, RowCleaner
from tsreward.sequences.columns import Columns, ordered
from tsreward.sequences.frames import Frame, frame_column, read_frame
from tsreward.sequences.row_options import RowOptions
from tsreward.sequences.time import StampError, Stamps, index_stamps
from tsreward.sequences.time_order import TimeOrder

_LOGGER = logging.getLogger("tsreward")


@dataclass(frozen=True)
class FrameRows:
    """Rows of a table that are ready to be scored."""

    values: np.ndarray
    """[T, D], finite but with `mask`."""
    columns: Columns | None
    """None for an array."""
    index: Any
    """[T] index of a pandas frame, of these rows."""
    rows: np.ndarray
    """[T] int64, which rows of the table they are, from 0."""
    starts: np.ndarray
    """[T] bool, the rows behind a gap, at which windows begin anew."""
    missing: np.ndarray | None
    """[T] bool, the rows some value of which was filled in or is masked; None where missing values are refused or left
    out."""


class FrameReader:
    """Reads the tables or arrays of one log, chunk after chunk.

    A pandas frame whose index is a time is checked like the time column of a file, and so is the column `options.time`.
    """

    def __init__(self, options: RowOptions, where: str = "The data") -> None:
        self.options, self.where = options, where
        self._columns: Columns | None = None
        self._order: TimeOrder | None = None
        self._cleaner: RowCleaner | None = None
        self._waiting: Any = None
        self._origin: Stamps | None = None
        self._count = 0

    def read(self, data: Any, last: bool = True) -> FrameRows:
        """Return the rows that are ready after the next table, an array [T, *obs] or a frame; all at the `last`.

        Raises:
            DataError: columns, stamps or values that are refused, see `RowOptions`.
            MissingExtraError: pyarrow is not installed, and the table is of Arrow or polars.
        """
        options = self.options
        dropped = (*options.ignore, *(() if options.time is None else (options.time,)))
        frame = read_frame(data, dropped) if not isinstance(data, np.ndarray) or data.dtype.names else None
        values, columns = (data, None) if frame is None else (frame.values, frame.columns)
        if frame is None and dropped:
            raise DataError(f"{self.where} has no names of columns, so there is no '{dropped[0]}': give a DataFrame.")
        if self._count and columns is not None:
            values = ordered(values, columns, self._columns, "the first chunk", "The chunk")
        elif not self._count:
            self._columns = columns
        index = None if frame is None else frame.index
        stamps, lacks = self._stamps(data, frame, len(values))
        starts = np.zeros(len(values), dtype=bool)
        if stamps is not None:
            assert self._order is not None
            starts = self._order.breaks
            if lacks.any():  # the rows that drop leaves out
                values = np.where(lacks[:, None], np.nan, values)
        clean = self._clean(values, starts, stamps, last)
        index = self._held(index, clean, len(values))
        self._count += len(values)
        if last:
            self._tell()
        filled = None if options.missing in ("error", "drop") else clean.missing
        return FrameRows(clean.values, self._columns, index, clean.rows, clean.starts, filled)

    def finish(self) -> FrameRows:
        """Return the rows that still wait when there is no table any more.

        Raises:
            DataError: a column has no value at all, or no row is left.
        """
        self._tell()
        count = self._count
        if self._cleaner is None:
            none = np.zeros((0, len(self._columns) if self._columns else 1))
            flags = np.zeros(0, dtype=bool)
            return FrameRows(none, self._columns, None, np.zeros(0, dtype=np.int64), flags, None)
        clean = self._cleaner.finish()
        index = None
        if self._waiting is not None:
            index = self._waiting[clean.rows - (count - len(self._waiting))]
        filled = None if self.options.missing == "drop" else clean.missing
        return FrameRows(clean.values, self._columns, index, clean.rows, clean.starts, filled)

    def _stamps(self, data: Any, frame: Frame | None, count: int) -> tuple[Stamps | None, np.ndarray]:
        """Return the stamps [T], checked, and which rows [T] lack one; None where there is no time."""
        options = self.options
        name = "index" if options.time is None else options.time
        lacks = np.zeros(count, dtype=bool)
        if options.time is not None:
            cells = frame_column(data, options.time)
        elif frame is not None:
            cells = frame.index
        else:
            cells = None
        if cells is not None and options.missing == "drop":
            lacks = _missing(cells)
        try:
            known = index_stamps(cells if cells is None or not lacks.any() else cells[~lacks])
        except StampError as error:
            row = self._count + error.position + 1
            raise DataError(
                f"{self.where}: row {row} of time column '{name}' is missing: fill it, or leave the row out with "
                f"missing='drop' (--missing drop)."
            ) from None
        if known is None and options.time is None:
            options.require_time(self.where)
            return None, np.zeros(count, dtype=bool)
        order = self._order = self._order or options.order(self.where, name)
        if known is not None:
            place = np.cumsum(~lacks) - 1
            read = lambda rows: known.take(place[rows])  # noqa: E731
        else:
            texts = [_text(cell) for cell in np.asarray(cells, dtype=object)]
            read = lambda rows: order.read(texts[rows], self._count + 1 + rows.start)  # noqa: E731
        return order.check_some(read, lacks, self._count + 1), lacks

    def _clean(self, values: np.ndarray, starts: np.ndarray, stamps: Stamps | None, last: bool) -> CleanRows:
        rows = np.arange(self._count, self._count + len(values))
        if values.ndim != 2 or values.dtype.kind != "f" or self.options.missing == "error":
            _refuse(values, self._columns, self.where, self._count, self.options.missing == "error")
            return CleanRows(values, rows, starts, np.zeros(len(values), dtype=bool), self._count + len(values))
        _refuse(values, self._columns, self.where, self._count, nan=False)
        names = self._columns.names if self._columns else [str(place) for place in range(values.shape[1])]
        self._cleaner = self._cleaner or RowCleaner(self.options.missing, names, self.where)
        time = None
        if stamps is not None:
            self._origin = self._origin or stamps
            time = stamps.since(self._origin)
        ready = self._cleaner.push(values, starts, time)
        if not last:
            return ready
        rest = self._cleaner.finish()
        return CleanRows(
            *(np.concatenate([getattr(ready, name), getattr(rest, name)]) for name in _ARRAYS), settled=rest.settled
        )

    def _held(self, index: Any, clean: CleanRows, count: int) -> Any:
        """Return the index of the rows that are ready, and keep that of those that are not."""
        if index is None:
            return None
        first = self._count if self._waiting is None else self._count - len(self._waiting)
        index = index if self._waiting is None else self._waiting.append(index)
        self._waiting = index[clean.settled - first :] if clean.settled < self._count + count else None
        return index[clean.rows - first]

    def _tell(self) -> None:
        """Say what was done, and warn of gaps that windows span."""
        notes = [*(self._order.notes() if self._order else []), *(self._cleaner.notes() if self._cleaner else [])]
        if notes:
            _LOGGER.info("%s: %s.", self.where, "; ".join(notes))
        if self._order is not None and (text := self._order.warning()):
            warn("irregular time", text)


_REMEDY = ", or let missing='drop', 'ffill', 'interpolate' or 'mask' do it (--missing)"
_ARRAYS = ("values", "rows", "starts", "missing")


def _refuse(values: np.ndarray, columns: Columns | None, where: str, first: int, nan: bool) -> None:
    """Refuse infinite values and, with `nan`, missing ones."""
    if values.dtype.kind != "f":
        return
    wrong = ~np.isfinite(values) if nan else np.isinf(values)
    bad = np.flatnonzero(wrong.reshape(len(values), -1).any(1))
    if not len(bad):
        return
    place = int(np.argmax(wrong[bad[0]].reshape(-1)))
    column = f" in column '{columns.names[place]}'" if columns else ""
    raise DataError(
        f"{where}: row {first + bad[0]} (from 0) holds NaN or inf{column}: fill or drop it first"
        f"{_REMEDY if nan else ''}."
    )


def _missing(cells: Any) -> np.ndarray:
    """Return which cells [T] of a time column are empty, NaN, NaT or None."""
    values = np.asarray(cells)
    if values.dtype.kind in "mM":
        return np.isnat(values)
    return np.array([cell is None or cell != cell or str(cell).strip() in ("", "NaT", "<NA>") for cell in cells], bool)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
