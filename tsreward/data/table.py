"""Tables in files: numbers and text, chunk by chunk, and the place of the first bad cell.

pyarrow splits, unquotes and converts. Text comes in blocks of whole records (`DelimitedText`): pyarrow's own streaming
reader reads ahead in a thread, refuses a record that spans three blocks, and does not tell the row of a bad cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tsreward.data.delimited import StableFile
from tsreward.errors import DataError, missing_extra
from tsreward.sequences.time import looks_like_stamp

if TYPE_CHECKING:
    import pyarrow


_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOTHING = {"nan", "nat", "null", "na", "n/a", "none", "#n/a", "-nan", "<na>"}
_WORDS = {"True": "1", "TRUE": "1", "true": "1", "False": "0", "FALSE": "0", "false": "0"}


@dataclass(frozen=True)
class Rows:
    """T consecutive rows."""

    first: int
    """Number of the first of them, from 1; the header is none, nor are blank lines below a header."""
    numbers: np.ndarray
    """[T, M] float64 of the columns that were asked for as numbers, finite but for gaps."""
    cells: dict[str, Any]
    """Arrow arrays [T] of the columns that were asked for as text, as they stand in the file."""

    def texts(self, name: str) -> list[str]:
        """Return a column [T] as text; a missing cell of a Parquet file is empty, its time stamps are in UTC, and its
        durations are in seconds."""
        import pyarrow

        cells = self.cells[name]
        if pyarrow.types.is_timestamp(cells.type) and cells.type.tz is not None:
            cells = cells.cast(pyarrow.timestamp(cells.type.unit, "UTC"))  # one zone, summer and winter
        if pyarrow.types.is_duration(cells.type):
            lasts = cells.cast(pyarrow.duration("ns"), safe=False).cast(pyarrow.int64()).to_pylist()
            return ["" if cell is None else str(cell / 1e9) for cell in lasts]
        try:
            return cells.cast(pyarrow.string()).fill_null("").to_pylist()
        except pyarrow.ArrowException:  # lists and the like
            return [str(cell) for cell in cells.to_pylist()]


def is_nothing(cell: str) -> bool:
    """Tell whether a cell of text says that there is no value.

    >>> is_nothing(" "), is_nothing("NaN"), is_nothing("0")
    (True, True, False)
    """
    return not cell.strip() or cell.strip().lower() in _NOTHING


class Table(ABC):
    """An open file of named columns; leave it with `with`.

    A number has a decimal point; True and False are 1 and 0. Nothing else is one: neither an empty cell, nor NaN, NULL,
    inf or 1e400. What is read is what the file held when it was opened: one that changes meanwhile is refused.
    """

    names: list[str]
    expanded: list[str]
    """The names, with one for each place, name[0], name[1], ..., of a column of lists of one length."""
    unnamed: dict[str, str]
    """Name -> why it is refused as a column of numbers: those without a name, which are called Unnamed: 0, 1, ..."""
    index: tuple[str, ...] = ()
    """Those of the names that hold the index of the pandas frame which a Parquet file was written from."""
    metadata: dict[bytes, bytes] | None = None
    """What a Parquet file says of itself."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise missing_extra("pyarrow", "logs") from error
        self.path, self._file = path, StableFile(path)
        try:
            self.names = self._open()
            self.unnamed = {}
            self._check_names()
            self.expanded = self._expanded()
        except BaseException:
            self._file.raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.raw.close()

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return min(self._file.raw.tell(), self._file.size), self._file.size

    def chunks(
        self, numbers: Sequence[str] = (), texts: Sequence[str] = (), gaps: bool | Collection[str] = False
    ) -> Iterator[Rows]:
        """Yield all rows, some thousands at a time. Empty cells, NaN, NULL, N/A in columns with `gaps` are NaN.

        Raises:
            DataError: a column is missing, a row has more or fewer cells than the header, a cell among `numbers` is no
                finite number, there is no row, or the file is damaged or changes.
        """
        self.require([*numbers, *texts])
        for name in numbers:
            if name in self.unnamed:
                raise DataError(self.unnamed[name])
        wanted = list(dict.fromkeys([*numbers, *texts])) or self.names[:1]
        first = 1
        for cells in self._columns(wanted):
            length = len(cells[wanted[0]])
            if length:
                yield Rows(first, self._numbers(cells, numbers, first, gaps), {name: cells[name] for name in texts})
            first += length
        if first == 1:
            raise DataError(f"{self.path} has a header but no row below it.")

    def read(
        self, numbers: Sequence[str] = (), texts: Sequence[str] = (), gaps: bool | Collection[str] = False
    ) -> Rows:
        """Return all rows at once.

        Raises:
            DataError: as `chunks`.
        """
        import pyarrow

        read = list(self.chunks(numbers, texts, gaps))
        cells = {name: pyarrow.chunked_array([rows.cells[name] for rows in read]) for name in texts}
        return Rows(1, np.concatenate([rows.numbers for rows in read]), cells)

    def require(self, names: Collection[str]) -> None:
        """Refuse a file without one of these columns."""
        known = {*self.names, *self.expanded}
        for name in names:
            if name not in known:
                more = f" and {len(self.names) - 12} more" if len(self.names) > 12 else ""
                raise DataError(f"{self.path} has no column '{name}': it has {', '.join(self.names[:12])}{more}.")

    def labels(self, values: np.ndarray, name: str, first: int = 1, kind: str = "label column") -> np.ndarray:
        """Return labels [T] of 0 and 1, the column `name` from row `first` on, as bool; `kind` is said in errors.

        Raises:
            DataError: another number is among them.
        """
        if (wrong := (values != 0) & (values != 1)).any():
            row = int(np.argmax(wrong))
            label, found = kind == "label column", f"{values[row]:g}"
            wanted = "0 (normal) or 1 (anomalous)" if label else "0 or 1"
            remedy = "convert the column"
            if label:
                remedy += ", say what it means with --label-map, or name what is observed with --obs if it is no label"
            raise self.fault(first + row, name, wanted, found, remedy, kind)
        return values.astype(bool)

    def fault(self, row: int, name: str, wanted: str, cell: str, remedy: str, kind: str = "column") -> DataError:
        """Return the error for one cell; rows are numbered from 1."""
        found = repr(cell[:40]) if cell.strip() else "nothing"
        return DataError(f"{self.path}: row {row} of {kind} '{name}' must be {wanted}, found {found}: {remedy}.")

    def kind(self, name: str) -> str:
        """Return what values a column holds, as the file says; "" where it does not."""
        return ""

    @abstractmethod
    def _open(self) -> list[str]:
        """Return the names of the columns."""

    @abstractmethod
    def _columns(self, names: list[str]) -> Iterator[dict[str, pyarrow.Array]]:
        """Yield these columns of consecutive rows, as they stand in the file."""

    def _expanded(self) -> list[str]:
        """Return the names, with one for each place of the lists in a column of lists."""
        return self.names

    def _check_names(self) -> None:
        seen: set[str] = set()
        for position, name in enumerate(self.names):
            if not name:
                name = self.names[position] = f"Unnamed: {position}"
                self.unnamed[name] = self._nameless(position)
            if name in seen:
                raise DataError(f"{self.path} has two columns '{name}': rename one of them.")
            seen.add(name)

    def _nameless(self, position: int) -> str:
        """Return the message about a column without a name."""
        return (
            f"{self.path}: column {position + 1} has no name in the header: name it, or leave it out with --ignore "
            f"'Unnamed: {position}'."
        )

    def _numbers(
        self, cells: dict[str, pyarrow.Array], names: Sequence[str], first: int, gaps: bool | Collection[str]
    ) -> np.ndarray:
        import pyarrow

        may_lack = set(names) if gaps is True else set(gaps or ())
        length = len(next(iter(cells.values())))
        values, bad = np.empty((length, len(names))), np.empty((length, len(names)), dtype=bool)
        for column, name in enumerate(names):
            try:
                values[:, column], missing = _as_numbers(cells[name], name in may_lack)
            except pyarrow.ArrowException:  # lists and the like
                found = f"a cell of {cells[name].type}"
                raise self.fault(first, name, "a number", found, "ignore the column") from None
            bad[:, column] = ~np.isfinite(values[:, column]) & ~missing
        if not bad.any():
            return values
        row, column = map(int, np.argwhere(bad)[0])
        cell = cells[names[column]][row].as_py()
        cell = "" if cell is None else str(cell)
        if is_nothing(cell):
            remedy = "fill or drop the row, take --missing drop, ffill, interpolate or mask, or ignore the column"
        elif looks_like_stamp(cell):
            remedy = "name the column of time stamps with --time (time=... in Python), or ignore the column"
        elif cell.strip() == names[column]:
            remedy = "the header stands here again, as where files were put together: leave this line out"
        elif "," in cell:
            remedy = "write numbers with a decimal point and without thousands separators"
        else:
            remedy = "fill or drop the row, or ignore the column"
            if any(map(str.isalpha, cell)):
                remedy += "; if it is a label, say what its words mean with --label-map Normal=0,Attack=1"
            if first + row == 1:
                remedy += "; if lines stand above the header, pass over them with --skip-rows"
        raise self.fault(first + row, names[column], "a finite number", cell, remedy)


def _as_numbers(cells: pyarrow.Array, gaps: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers [T], NaN where a cell is none, and which cells [T] are gaps that may be."""
    import pyarrow
    import pyarrow.compute
    from pyarrow import csv

    compute: Any = pyarrow.compute  # made at run time, so unknown to type checkers
    kind, is_kind = cells.type, pyarrow.types
    if is_kind.is_dictionary(kind):
        cells, kind = cells.dictionary_decode(), kind.value_type
    if is_kind.is_integer(kind) or is_kind.is_floating(kind) or is_kind.is_decimal(kind) or is_kind.is_boolean(kind):
        values = cells.cast(pyarrow.float64(), safe=False)
    else:
        cells = cells.cast(pyarrow.string())
        if gaps:
            words = pyarrow.array(csv.ConvertOptions().null_values)
            cells = compute.if_else(compute.is_in(compute.ascii_trim_whitespace(cells), words), None, cells)
        try:
            values = cells.cast(pyarrow.float64())
        except pyarrow.ArrowInvalid:  # a blank beside a number, a word of truth, or no number
            cells = compute.ascii_trim_whitespace(cells)
            for word, number in _WORDS.items():
                cells = compute.if_else(compute.equal(cells, word), number, cells)
            is_number = compute.match_substring_regex(cells, _NUMBER)
            values = compute.if_else(is_number, cells, "nan").cast(pyarrow.float64())
    missing = compute.is_null(cells, nan_is_null=is_kind.is_floating(kind)).to_numpy(zero_copy_only=False)
    return values.to_numpy(zero_copy_only=False), missing & gaps
