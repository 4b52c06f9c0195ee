"""The rows that `tsreward detect` reads: several tables as one series, and spans of rows by time or number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.data.tables import open_table
from tsreward.detection.alarms import written
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series
from tsreward.sequences.time import StampError, parse_stamps


def joined(parts: Sequence[Series]) -> Series:
    """Return one series; names of columns and kinds of indices must agree."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if part.columns != first.columns or (part.index is None) != (first.index is None):
            raise DataError(f"'{part.name}' has other columns than '{first.name}': give files of one kind.")
    starts = [np.zeros(len(one), dtype=bool) if one.starts is None else one.starts for one in parts]
    index = None if first.index is None else np.concatenate([np.asarray(one.index) for one in parts])
    values = np.concatenate([one.values for one in parts])
    return Series(values, None, first.name, first.columns, index, np.concatenate(starts))


def span_of(text: str) -> tuple[str, str]:
    start, dots, stop = text.partition("..")
    if not dots:
        raise OptionError(f"--accept takes A..B, two times or numbers of rows, got {text!r}.")
    return start, stop


def place_of(text: str, series: Series) -> int:
    """Return the first row at or after a time, or the number of a row."""
    index = None if series.index is None else np.asarray(series.index)
    try:
        stamp = parse_stamps([text]).as_array()
    except StampError as error:
        raise OptionError(f"{text!r} is no time and no number of a row.") from error
    if index is None:
        if stamp.dtype.kind == "M":
            raise OptionError(f"{text} is a time, and the rows have none: name their column with --time.")
        return int(stamp[0])
    if (index.dtype.kind == "M") != (stamp.dtype.kind == "M"):
        raise OptionError(f"{text} is not written as the times of the log, such as {written(index[0])}.")
    return int(np.searchsorted(index, stamp[0]))


def stamps_in(
    path: Path, series: Series, texts: Sequence[str] = (), need: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray, dict[str, list[str]]]:
    """Return the columns start and end of a table, written as the times of the rows are, and others as text.

    Args:
        path: the table.
        series: the rows.
        texts: columns that are returned, empty where they are not there.
        need: those of them that must be.

    Raises:
        DataError: a column is missing, or a start or an end is no time as the rows have it.
    """
    with open_table(path) as table:
        table.require(["start", "end", *need])
        there = [name for name in texts if name in table.names]
        rows = table.read(texts=["start", "end", *there])
        cells = [list(rows.texts(name)) for name in ("start", "end")]
        found = {name: list(rows.texts(name)) if name in there else [] for name in texts}
    if not cells[0]:
        return np.zeros(0), np.zeros(0), found
    try:
        starts, ends = (parse_stamps(one).as_array() for one in cells)
    except StampError as error:
        raise DataError(f"{path}: row {error.position + 1} is not {error}.") from error
    timed = series.index is not None and np.asarray(series.index).dtype.kind == "M"
    if timed != (starts.dtype.kind == "M"):
        raise DataError(f"{path}: starts and ends are not written as the times of the log.")
    return starts, ends, found
