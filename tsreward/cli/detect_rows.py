"""The rows that `tsreward detect` reads: tables by asset, and spans of rows by time or number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tsreward.data.columns import TableColumns
from tsreward.data.rearranged import in_time_order, split_by
from tsreward.data.tables import open_table
from tsreward.detection.alarms import written
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import Series
from tsreward.sequences.stamp_reader import StampReader
from tsreward.sequences.time import StampError, parse_stamps

ONE = "log"
"""Name of the only asset, where no column names them."""


class Files(NamedTuple):
    """The tables of one asset."""

    normal: list[Path]
    others: list[Path]


class Assets:
    """The tables of every asset: those that were given, or what was written of them in a folder.

    Args:
        data: tables or patterns; the first holds normal rows where neither `normal_rows` nor `fitted` says otherwise.
        normal_rows: tables of normal rows, or patterns.
        fitted: whether normal rows come from elsewhere.
        columns: of the tables.
        folder: where tables are written whose rows are taken apart or put in order.

    Raises:
        OptionError: no normal rows.
        DataError: a file is missing.
    """

    def __init__(
        self, data: Sequence[Path], normal_rows: Sequence[Path], fitted: bool, columns: TableColumns, folder: Path
    ) -> None:
        given, normal = _expanded(data), _expanded(normal_rows)
        if not normal and not fitted:
            if len(given) < 2:
                raise OptionError(
                    f"tsreward detect needs normal rows and others, got {given[0] if given else 'no file'}: name two "
                    f"files, say with --train-until up to when the rows are normal, or give a --detector-file."
                )
            normal, given = given[:1], given[1:]
        self.columns = columns
        """Of the tables, for whoever reads them."""
        self.by_name = {ONE: Files(normal, given)}
        """Name of an asset -> its tables."""
        self.warnings: list[str] = []
        """What was left out."""
        self._fitted, self._folder = fitted, folder
        self._words: dict[str, str] = {}

    def group(self, column: str) -> None:
        """Take the tables apart by the asset that a column names.

        Raises:
            DataError: a file cannot be read, or no asset has both kinds of rows.
        """
        found: dict[str, Files] = {}
        for side, paths in enumerate(self.by_name.pop(ONE)):
            for place, path in enumerate(paths):
                (inside := self._folder / f"{side}-{place}").mkdir()
                for name, part in split_by(path, column, inside, self.columns.skip_rows).items():
                    found.setdefault(name, Files([], []))[side].append(part)
                    self._words[str(part)] = f"{path}, {column} {name}"
        for name, files in found.items():
            if files.others and (files.normal or self._fitted):
                self.by_name[name] = files
            else:
                kind = "normal" if files.others else "other"
                self.warnings.append(f"warning: {column} {name} has no {kind} rows and is left out.")
        if not self.by_name:
            raise DataError(f"No value of '{column}' has both normal and other rows.")
        self.columns = replace(self.columns, skip_rows=0)

    def order(self, late: float, wait: bool) -> None:
        """Put the rows of every asset in the order of their times, each kind of them into one table.

        Args:
            late: seconds that a row may come behind rows of later times; those that come later are left out.
            wait: leave out the newest rows, too, which others may still come before; an asset may have none then.

        Raises:
            DataError: a file cannot be read, or a cell is no time.
        """
        assert self.columns.time is not None  # the options have been checked
        for number, (name, files) in enumerate(self.by_name.items()):
            ordered = Files([], [])
            for side, paths in enumerate(files):
                if not paths:
                    continue
                path = self._folder / f"{number}-{side}.parquet"
                reader = StampReader(self.columns.time_format, self.columns.time_zone)
                found = in_time_order(
                    paths, self.columns.time, late, path, reader, self.columns.skip_rows, wait and side == 1
                )
                words = ", ".join(self._words.get(str(one), str(one)) for one in paths)
                self._words[str(path)] = f"{words}, in the order of {self.columns.time}"
                if found.path is not None:
                    ordered[side].append(found.path)
                if found.too_late:
                    rows = f"{found.too_late} row{'s' * (found.too_late > 1)}"
                    self.warnings.append(f"warning: {words}: {rows} came more than {late:g} late: left out.")
            self.by_name[name] = ordered
        self.columns = replace(self.columns, skip_rows=0)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let errors in the block name the tables that were given, not those that were written.

        Raises:
            DataError: what the block raised.
        """
        try:
            yield
        except DataError as error:
            text = str(error)
            for path, words in self._words.items():
                text = text.replace(path, words)
            raise DataError(text) from error


def _expanded(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if any(sign in path.name for sign in "*?[") and not path.exists():
            matched = sorted(path.parent.glob(path.name))
            if not matched:
                raise DataError(f"No file matches {path}.")
            found += matched
        else:
            found.append(path)
    return found


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


def file_name(name: str) -> str:
    """Return a name of an asset as a part of a name of a file; different names stay different."""
    return "".join(sign if sign.isalnum() or sign in "-_." else f"%{ord(sign):02x}" for sign in name)
