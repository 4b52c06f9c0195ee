"""Tables in files, text or Parquet: numbers and text, chunk by chunk, and the place of the first bad cell.

pyarrow splits, unquotes and converts. Text comes in blocks of whole records (`DelimitedText`): pyarrow's own streaming
reader reads ahead in a thread, refuses a record that spans three blocks, and does not tell the row of a bad cell.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.data.delimited import DelimitedText, StableFile, record_end
from tsreward.errors import DataError, missing_extra
from tsreward.sequences.time import looks_like_stamp

if TYPE_CHECKING:
    import pyarrow

ROWS = 2**15
"""Rows of a Parquet file that are read at once."""
COLUMN_LIMIT = 200_000
"""Columns that a file of text may have."""

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOTHING = {"nan", "null", "na", "n/a", "none", "#n/a", "-nan", "<na>"}
_SEPARATOR = re.compile(r'"?sep=(.?)"?', re.IGNORECASE)
_LOOKED_AT = 30
"""Records in which a header is looked for."""
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
        """Return a column [T] as text; a missing cell of a Parquet file is empty, and its time stamps are in UTC."""
        import pyarrow

        cells = self.cells[name]
        if pyarrow.types.is_timestamp(cells.type) and cells.type.tz is not None:
            cells = cells.cast(pyarrow.timestamp(cells.type.unit, "UTC"))  # one zone, summer and winter
        try:
            return cells.cast(pyarrow.string()).fill_null("").to_pylist()
        except pyarrow.ArrowException:  # lists and the like
            return [str(cell) for cell in cells.to_pylist()]


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

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.raw.close()

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return min(self._file.raw.tell(), self._file.size), self._file.size

    def chunks(self, numbers: Sequence[str] = (), texts: Sequence[str] = (), gaps: bool = False) -> Iterator[Rows]:
        """Yield all rows, some thousands at a time. With `gaps`, cells that are empty, NaN, NULL, N/A are NaN.

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

    def read(self, numbers: Sequence[str] = (), texts: Sequence[str] = (), gaps: bool = False) -> Rows:
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
            wanted = "0 (normal) or 1 (anomalous)" if kind == "label column" else "0 or 1"
            raise self.fault(first + row, name, wanted, f"{values[row]:g}", "convert the column", kind)
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

    def _numbers(self, cells: dict[str, pyarrow.Array], names: Sequence[str], first: int, gaps: bool) -> np.ndarray:
        import pyarrow

        length = len(next(iter(cells.values())))
        values, bad = np.empty((length, len(names))), np.empty((length, len(names)), dtype=bool)
        for column, name in enumerate(names):
            try:
                values[:, column], missing = _as_numbers(cells[name], gaps)
            except pyarrow.ArrowException:  # lists and the like
                found = f"a cell of {cells[name].type}"
                raise self.fault(first, name, "a number", found, "ignore the column") from None
            bad[:, column] = ~np.isfinite(values[:, column]) & ~missing
        if not bad.any():
            return values
        row, column = map(int, np.argwhere(bad)[0])
        cell = cells[names[column]][row].as_py()
        cell = "" if cell is None else str(cell)
        if not cell.strip() or cell.strip().lower() in _NOTHING:
            remedy = "fill or drop the row, take --missing drop, ffill, interpolate or mask, or ignore the column"
        elif looks_like_stamp(cell):
            remedy = "name the column of time stamps with --time (time=... in Python), or ignore the column"
        elif "," in cell:
            remedy = "write numbers with a decimal point and without thousands separators"
        else:
            remedy = "fill or drop the row, or ignore the column"
            if any(map(str.isalpha, cell)):
                remedy += "; if it is a label, say what its words mean with --label-map Normal=0,Attack=1"
            if first + row == 1:
                remedy += "; if lines stand above the header, pass over them with --skip-rows"
        raise self.fault(first + row, names[column], "a finite number", cell, remedy)


class TextTable(Table):
    """A file of `DelimitedText`; `rename` changes the names in its header.

    Blank lines below a header are passed over. Without a `header`, columns are named 1, 2, ... and each line is a row.
    """

    def __init__(
        self, path: Path, header: bool = True, above: int = 0, rename: Callable[[str], str] = str.strip
    ) -> None:
        self._header, self._above, self._rename = header, above, rename
        super().__init__(path)

    def _open(self) -> list[str]:
        self._text = DelimitedText(self._file, self._header, self._above)
        cells = self._text.first_record()
        if len(cells) > COLUMN_LIMIT:
            raise DataError(
                f"{self.path} has {len(cells):,} columns, but at most {COLUMN_LIMIT:,} can be read: split the file."
            )
        if not self._header:
            return [str(number) for number in range(1, max(1, len(cells)) + 1)]
        if mark := _SEPARATOR.fullmatch(cells[0].strip()):
            only = "" if mark[1] == "," or len(cells) > 1 else "; tsreward reads commas, so write the file with them"
            raise DataError(
                f"{self.path} begins with 'sep={mark[1] or ','}', a line for spreadsheets: pass over it with --skip-rows "
                f"{self._above + 1}{only}."
            )
        self._second = self._check_shape(len(cells))
        if len(cells) == 1 and (found := next((mark for mark in ";\t|" if mark in cells[0]), None)):
            raise DataError(
                f"{self.path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers."
            )
        return [self._rename(cell) for cell in cells]

    def _check_shape(self, width: int) -> list[str]:
        """Return the cells of the first row; refuse lines above the header, and commas that the header lacks."""
        records = self._text.first_records(_LOOKED_AT)
        widths = [len(record) for record in records]
        if len(records) < 2 or widths[1] == width:
            return records[1] if len(records) > 1 else []
        if widths[1] == width + 1 and not records[1][-1].strip():
            raise DataError(
                f"{self.path}: its rows end with a comma, and its header does not: take the commas away, or add one to "
                f"the header and leave out the column that it makes with --ignore 'Unnamed: {width}'."
            )
        same = next((place for place in range(1, len(widths) - 1) if len(set(widths[place:])) == 1), None)
        if same is not None and widths[same] > 1:
            lines = self._above + self._text.lines_before(same)
            raise DataError(
                f"{self.path}: its first line has {width} cell{'s' * (width > 1)} and the rows below have {widths[same]}: "
                f"if text stands above the header, pass over it with --skip-rows {lines}."
            )
        return records[1]

    def _nameless(self, position: int) -> str:
        where = f"{self.path}: column {position + 1} has no name"
        out = f"--ignore 'Unnamed: {position}'"
        if position and not "".join(self._second[position:]).strip() and position >= len(self.names) - 1:
            return f"{where} and no values, because its lines end with a comma: take that away, or leave it out with {out}."
        if position == 0:
            return (
                f"{where} in the header, as the index that pandas writes unless it is told index=False: leave it out with "
                f"{out}, or name it with --time 'Unnamed: 0' if it holds time stamps."
            )
        return super()._nameless(position)

    def _columns(self, names: list[str]) -> Iterator[dict[str, pyarrow.Array]]:
        first, header = 1, self._header
        for block, line in self._text.blocks():
            records = block[record_end(block) :] if header else block
            header = False
            if records:
                cells = self._split(records, names, first, line)
                yield cells
                first += len(cells[names[0]])

    def _split(self, records: bytes, names: list[str], first: int, line: int) -> dict[str, pyarrow.Array]:
        import pyarrow
        from pyarrow import csv

        blank, wrong = 0, None

        def handle(row: csv.InvalidRow) -> str:
            nonlocal blank, wrong
            if self._header and not row.text.strip():
                blank += 1
                return "skip"
            wrong = wrong or (row.number - blank, row.actual_columns)
            return "error"

        try:
            table = csv.read_csv(
                pyarrow.BufferReader(records),
                csv.ReadOptions(use_threads=False, block_size=len(records) + 1, column_names=self.names),
                csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=self._header, invalid_row_handler=handle),
                csv.ConvertOptions(
                    check_utf8=False,  # it was checked, with the line
                    strings_can_be_null=False,
                    include_columns=names,
                    column_types=dict.fromkeys(names, pyarrow.string()),
                ),
            )
        except pyarrow.ArrowException as error:
            if wrong is None:
                raise DataError(f"{self.path} cannot be read as CSV at line {line} or below ({error}).") from error
            raise DataError(
                f"{self.path}: row {first - 1 + wrong[0]} has {wrong[1]} in place of {len(self.names)} cells: give "
                f"every row one cell per column, put cells that hold commas in quotes, and write numbers with a "
                f"decimal point."
            ) from None
        return {name: table[name].combine_chunks() for name in names}


class ParquetTable(Table):
    """A Parquet file."""

    def _open(self) -> list[str]:
        import pyarrow
        from pyarrow import parquet

        try:
            self._parquet = parquet.ParquetFile(self._file.raw)  # open: a path could be taken for an address
        except (pyarrow.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        self.schema: pyarrow.Schema = self._parquet.schema_arrow
        kept = (self.schema.pandas_metadata or {}).get("index_columns", [])
        self.index = tuple(name.strip() for name in self.schema.names if name in kept)
        return [name.strip() for name in self.schema.names]

    def kind(self, name: str) -> str:
        own = self._places.get(name, (name, 0))[0]
        kind = self.schema.types[self.names.index(own)]
        return str(kind.value_type if name in self._places else kind)

    def _expanded(self) -> list[str]:
        self._places: dict[str, tuple[str, int]] = {}
        self._widths = self._list_widths()
        names: list[str] = []
        for name in self.names:
            places = {f"{name}[{place}]": (name, place) for place in range(self._widths.get(name, 0))}
            self._places |= places
            names += places or [name]
        return names

    def _list_widths(self) -> dict[str, int]:
        """Return the length of the lists of numbers in each column of these, as its first row has it."""
        import pyarrow

        is_kind = pyarrow.types
        lists = {}
        for name, field in zip(self.names, self.schema, strict=True):
            kind = field.type
            if not (is_kind.is_list(kind) or is_kind.is_large_list(kind) or is_kind.is_fixed_size_list(kind)):
                continue
            if is_kind.is_integer(kind.value_type) or is_kind.is_floating(kind.value_type):
                lists[name] = field.name
        if not lists or not self._parquet.metadata.num_rows:
            return {}
        try:
            first = next(self._parquet.iter_batches(1, columns=[*lists.values()]))
        except (pyarrow.ArrowException, OSError, StopIteration) as error:
            raise self._damaged(error) from error
        widths = {name: len(first.column(own)[0].as_py() or ()) for name, own in lists.items()}
        return {name: width for name, width in widths.items() if 0 < width <= COLUMN_LIMIT}

    def _columns(self, names: list[str]) -> Iterator[dict[str, pyarrow.Array]]:
        import pyarrow

        if not self._parquet.metadata.num_rows:
            raise DataError(f"{self.path} has no row.")
        own = dict(zip(self.names, self.schema.names, strict=True))
        wanted = list(dict.fromkeys(self._places.get(name, (name, 0))[0] for name in names))
        first = 1
        try:
            for batch in self._parquet.iter_batches(ROWS, columns=[own[name] for name in wanted]):
                self._file.check()
                read = {name: batch.column(own[name]) for name in wanted}
                lists = {
                    name: self._matrix(read[name], name, first)
                    for name in {self._places[one][0] for one in names if one in self._places}
                }
                yield {
                    name: pyarrow.array(lists[self._places[name][0]][:, self._places[name][1]])
                    if name in self._places
                    else read[name]
                    for name in names
                }
                first += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            self._file.check()
            raise self._damaged(error) from error
        self._file.check()

    def _matrix(self, cells: pyarrow.Array, name: str, first: int) -> np.ndarray:
        """Return a column of lists as [T, D]."""
        import pyarrow.compute

        compute: Any = pyarrow.compute  # made at run time, so unknown to type checkers
        width = self._widths[name]
        lengths = compute.fill_null(compute.list_value_length(cells), -1).to_numpy(zero_copy_only=False)
        if (wrong := lengths != width).any():
            row = int(np.argmax(wrong))
            found = f"a list of {lengths[row]}" if lengths[row] >= 0 else ""
            raise self.fault(
                first + row, name, f"a list of {width} numbers, as in the first row", found, "ignore the column"
            )
        return compute.list_flatten(cells).to_numpy(zero_copy_only=False).reshape(-1, width)

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"{self.path} cannot be read as Parquet ({' '.join(str(error).split())[:200]}).")


def open_table(path: Path, skip_rows: int = 0) -> Table:
    """Return the Parquet file that is named .parquet, else the file of text below `skip_rows` lines, open.

    Raises:
        DataError: it cannot be read, or lines are to be passed over in a Parquet file.
    """
    if path.suffix.lower() != ".parquet":
        return TextTable(path, above=skip_rows)
    if skip_rows:
        raise DataError(f"{path} is a Parquet file, which has no lines to pass over: leave --skip-rows out.")
    return ParquetTable(path)


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


Columns = dict[str, "np.ndarray | list[str]"]
"""Columns [N] by name."""
_TO_QUOTE = re.compile('[,"\r\n]')


def csv_writer(write: Callable[[str], object]) -> Callable[[Columns], None]:
    """Return a function that writes the next rows of a CSV file, given as columns; the first call writes the header."""
    begun = False

    def write_columns(columns: Columns) -> None:
        nonlocal begun
        header = [] if begun else [",".join(_cells([*columns]))]
        begun = True
        rows = zip(*map(_cells, columns.values()), strict=True)
        write("\n".join([*header, *map(",".join, rows)]) + "\n")

    return write_columns


def _cells(values: np.ndarray | list[str]) -> Iterable[str]:
    if isinstance(values, np.ndarray):
        return map(str, values)  # of a float32, this is the shortest text that reads back as the same number
    return ('"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text for text in values)
