"""The rows of a CSV file in chunks: chosen columns as numbers, others as the text that stands in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.data.csv_bytes import Block, CsvBytes, count_cells, record_ends, with_line_feeds
from tsreward.data.time import looks_like_stamp
from tsreward.errors import DataError, missing_extra

if TYPE_CHECKING:
    import pandas


COLUMN_LIMIT = 200_000
"""Columns that a file may have: pandas takes some 3 KiB for each."""


def read_header(path: Path, record: bytes) -> list[str]:
    """Return the names in a record of UTF-8.

    Raises:
        DataError: a column without a name, two of one name, too many of them, or cells that are separated by something
            else than commas.

    >>> read_header(Path("log.csv"), b'time,"load, 1 min"')
    ['time', 'load, 1 min']
    """
    try:
        names = next(csv.reader([record.decode().strip("\r\n")], strict=True))
    except csv.Error as error:  # e.g. a name of more than 128 KiB
        raise DataError(f"{path}: its first line is no header ({error}): name the columns there.") from None
    if len(names) > COLUMN_LIMIT:
        raise DataError(f"{path} has {len(names):,} columns, but at most {COLUMN_LIMIT:,} can be read: split the file.")
    seen: set[str] = set()
    for position, name in enumerate(names):
        if not name.strip():
            raise DataError(f"{path}: column {position + 1} has no name in the first line: name it, or take it out.")
        if name in seen:
            raise DataError(f"{path} has two columns '{name}': rename one of them.")
        seen.add(name)
    if len(names) == 1 and (found := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers.")
    return names


def check_columns(path: Path, names: Collection[str], wanted: Collection[str]) -> None:
    """Check that all columns that are asked for are there.

    Raises:
        DataError: one is missing.
    """
    known = set(names)
    for name in wanted:
        if name not in known:
            raise DataError(f"{path} has no column '{name}': it has {_listed(names)}.")


def _listed(names: Collection[str]) -> str:
    shown = [*names][:12]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


@dataclass(frozen=True)
class Rows:
    """Consecutive rows."""

    first: int
    """Number of the first of them, from 1; the header is none, nor are blank lines."""
    numbers: np.ndarray
    """[T, M] float64, finite."""
    texts: list[list[str]]
    """[T] cells as they stand in the file, of every column that was asked for as text."""


class CsvRows:
    """An open CSV file, commas between cells and names in its first line.

    Every row has a cell for every name. Blank lines are passed over. Numbers take a decimal point; True and False are 1
    and 0. Nothing else is a number: neither an empty cell, nor NaN, NULL, N/A, inf or 1e400.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pandas  # noqa: F401
        except ImportError as error:
            raise missing_extra("pandas", "logs") from error
        self.path = path
        self._bytes = CsvBytes(path)
        try:
            block, length = self._header()
            self.names = read_header(path, block.data[:length])
        except BaseException:
            self._bytes.__exit__(None, None, None)
            raise

    def __enter__(self) -> CsvRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bytes.__exit__(kind, error, trace)

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return self._bytes.done, self._bytes.size

    def chunks(self, numbers: Sequence[str], texts: Sequence[str] = ()) -> Iterator[Rows]:
        """Yield all rows, some thousands at a time.

        Raises:
            DataError: a column is missing, a row has more or fewer cells than the header, a cell among `numbers` is no
                finite number, there is no row, or the file is damaged (`CsvBytes`).
        """
        check_columns(self.path, self.names, [*numbers, *texts])
        position = {name: place for place, name in enumerate(self.names)}
        chosen, words = [position[name] for name in numbers], [position[name] for name in texts]
        first, header = 1, True
        for block in self._bytes.blocks():
            if header:
                block, length = _without_header(block)
                block, header = Block(block.data[length:], block.line), False
            if block.data.strip():
                rows = self._parse(block, first, chosen, words)
                yield rows
                first += len(rows.numbers)
        if first == 1:
            raise DataError(f"{self.path} has a header but no row below it.")

    def _header(self) -> tuple[Block, int]:
        return _without_header(next(self._bytes.blocks()))

    def _parse(self, block: Block, first: int, chosen: list[int], words: list[int]) -> Rows:
        expected = self._check_cells(block, first)
        frame = self._frame(block, [*chosen, *words], dict.fromkeys(words, "str"))
        if expected not in (None, len(frame)):
            raise DataError(f"{self.path}: row {first} or one below it is not as CSV should be: look for odd quotes.")
        values = _numbers(frame[chosen])
        if not (finite := np.isfinite(values)).all():
            row, column = np.argwhere(~finite)[0]
            raise self._not_a_number(block, first, int(row), chosen[column])
        return Rows(first, values, [frame[place].tolist() for place in words])

    def _check_cells(self, block: Block, first: int) -> int | None:
        """Return the number of rows where it can be known before they are parsed; a blank line is none."""
        ends = record_ends(block.data)
        if not len(ends) or ends[-1] < len(block.data):
            ends = np.append(ends, len(block.data))
        if len(self.names) == 1 and b"," not in block.data:
            return None
        counts = count_cells(block.data, ends)
        blank = 0
        for index in np.flatnonzero(counts != len(self.names)):
            begin = ends[index - 1] if index else 0
            if not block.data[begin : ends[index]].strip():
                blank += 1
                continue
            raise DataError(
                f"{self.path}: row {first + index - blank} has {counts[index]} in place of {len(self.names)} cells: "
                f"give every row one cell per column, put cells that hold commas in quotes, and write numbers with a "
                f"decimal point."
            )
        return len(ends) - blank

    def _frame(self, block: Block, places: list[int], dtypes: dict[int, str]) -> pandas.DataFrame:
        import pandas

        options: dict[str, Any] = {
            "header": None,
            "names": range(len(self.names)),
            "usecols": sorted(set(places)),
            "dtype": dtypes,
            "index_col": False,
            "na_filter": False,
            "low_memory": False,
        }
        try:
            return pandas.read_csv(io.BytesIO(with_line_feeds(block.data)), **options)
        except ValueError as error:
            raise DataError(f"{self.path} cannot be read as CSV at line {block.line} or below ({error}).") from error

    def _not_a_number(self, block: Block, first: int, row: int, place: int) -> DataError:
        cell = self._frame(block, [place], {place: "str"})[place].iloc[row]
        if looks_like_stamp(cell):
            remedy = "name the column of time stamps with --time (time=... in Python), or ignore the column"
        elif "," in cell:
            remedy = "write numbers with a decimal point and without thousands separators"
        else:
            remedy = "fill or drop the row, or ignore the column"
        found = repr(cell[:40]) if cell.strip() else "nothing"
        return DataError(
            f"{self.path}: row {first + row} of column '{self.names[place]}' must be a finite number, found {found}: "
            f"{remedy}."
        )


def _without_header(block: Block) -> tuple[Block, int]:
    """Return the block without blank lines at its beginning, and the bytes of the header."""
    data = block.data.lstrip(b"\r\n")
    ends = record_ends(data)
    return Block(data, block.line), int(ends[0]) if len(ends) else len(data)


def _numbers(frame: Any) -> np.ndarray:
    """Return the columns in float64 [T, M]; NaN where a cell is no number."""
    import pandas

    texts = [place for place, dtype in enumerate(frame.dtypes) if dtype.kind not in "biuf"]
    if not texts:
        return frame.to_numpy(dtype=np.float64)
    frame = frame.copy()
    for place in texts:
        words = frame.iloc[:, place].astype(object).map(lambda cell: _TRUTH.get(cell, cell))
        frame.isetitem(place, pandas.to_numeric(words, errors="coerce"))
    return frame.to_numpy(dtype=np.float64)


_TRUTH = {word: value for value, words in ((1, "True TRUE true"), (0, "False FALSE false")) for word in words.split()}
