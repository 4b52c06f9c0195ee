"""What the loaders share: folders, names, tables with their complaints, and splits."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.errors import DataError, OptionError, missing_extra, unknown_name
from tsreward.sequences.series import DetectionTask, Series

if TYPE_CHECKING:
    import pandas


def header_of(path: Path, above: int = 0) -> list[str]:
    """Return the names in the first line below `above` lines, without the blanks around them.

    Raises:
        DataError: the file is missing, has no such line, or is not CSV in UTF-8.
    """
    for _, cells in cells_of(path, above):
        return [name.strip() for name in cells]
    raise DataError(f"{path} is empty{' below line ' + str(above) if above else ''}: expected a line of column names.")


def line_of(path: Path, row: int, above: int = 0) -> tuple[int, list[str]]:
    """Return the number of the line, from 1, that holds a row of the table, from 0, and its cells."""
    for position, (number, cells) in enumerate(cells_of(path, above)):
        if position == row + 1:  # the header comes first
            return number, cells
    raise DataError(f"{path} changed while it was read.")


def ragged_line(path: Path, above: int = 0) -> DataError | None:
    """Return the error for the first line with another number of columns than the header, if there is one."""
    wanted = None
    for number, cells in cells_of(path, above):
        wanted = wanted or len(cells)
        if len(cells) != wanted:
            return DataError(f"{path}, line {number} has {len(cells)} columns: expected {wanted}, as in the header.")
    return None


def cells_of(path: Path, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, from 1, and the cells of every line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in range(above):
                file.readline()
            reader = csv.reader(file)
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    yield above + reader.line_num, cells
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error


@dataclass(frozen=True)
class Frame:
    """A table of T rows."""

    path: Path
    data: pandas.DataFrame
    above: int | None
    """Lines above the header; None where the file is no text."""
    gaps: bool = False
    """Whether cells may be missing; they are NaN then."""

    def require(self, names: Iterable[str]) -> None:
        """Refuse a table without one of these columns."""
        for name in names:
            if name not in self.data.columns:
                found = list(self.data.columns)
                listed = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
                raise DataError(f"{self.path} has no column '{name}': it has {listed}.")

    def values(self, names: Sequence[str]) -> np.ndarray:
        """Return the columns [T, D] in float64, finite but for gaps."""
        if not names:
            raise DataError(f"{self.path} has no column of values.")
        values = np.empty((len(self.data), len(names)))
        for position, name in enumerate(names):
            values[:, position] = self.numbers(name)
        return values

    def numbers(self, name: str) -> np.ndarray:
        """Return one column [T] in float64, finite but for gaps."""
        import pandas

        self.require([name])
        column: Any = self.data[name]
        if pandas.api.types.is_datetime64_any_dtype(column.dtype):
            raise self.fault(0, name, "a number (if it is the time, name it as such)")
        try:
            numeric: Any = pandas.to_numeric(column, errors="coerce")
            numbers = numeric.to_numpy(np.float64, na_value=np.nan)
        except OverflowError:  # a whole number of hundreds of digits among texts
            numbers = np.array([_number(cell) for cell in column])
        bad = ~np.isfinite(numbers)
        if self.gaps and bad.any():
            bad &= column.notna().to_numpy()
        if bad.any():
            raise self.fault(int(bad.argmax()), name, "a finite number")
        return numbers

    def labels(self, name: str) -> np.ndarray:
        """Return a column [T] of 0 and 1 as bool."""
        numbers = self.numbers(name)
        bad = ~np.isin(numbers, (0, 1))
        if bad.any():
            raise self.fault(int(bad.argmax()), name, "a label 0 or 1")
        return numbers.astype(bool)

    def index(self, name: str) -> Any:
        """Return a column [T] as an array of numbers, where it holds numbers, or as a DatetimeIndex."""
        import pandas

        self.require([name])
        column = self.data[name]
        if not pandas.api.types.is_numeric_dtype(column.dtype):
            return self.stamps(name)
        self.numbers(name)
        return column.to_numpy()

    def stamps(self, name: str) -> pandas.DatetimeIndex:
        """Return a column [T] of time stamps."""
        import pandas

        self.require([name])
        column: Any = self.data[name]
        try:
            if pandas.api.types.is_numeric_dtype(column.dtype):
                raise ValueError("pandas would take numbers for nanoseconds")
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # pandas warns where it would guess row by row
                stamps = pandas.DatetimeIndex(pandas.to_datetime(column))
            missing = np.asarray(stamps.isna())
        except (ValueError, TypeError, UserWarning):
            stamps, missing = pandas.DatetimeIndex([]), self._no_stamps(column)
        if missing.any():
            raise self.fault(int(missing.argmax()), name, "a time stamp as in 2024-05-01 13:00:00")
        return stamps

    def fault(self, row: int, name: str, wanted: str) -> DataError:
        """Return the error for one cell, with its line where the file is text."""
        position = self.data.columns.get_loc(name)
        assert isinstance(position, int)  # read_csv and read_parquet refuse two columns of one name
        if self.above is None:
            place, cell = f"row {row + 1}", str(self.data.iat[row, position])
        else:
            number, cells = line_of(self.path, row, self.above)
            if len(cells) != len(self.data.columns):
                return DataError(
                    f"{self.path}, line {number} has {len(cells)} columns: expected {len(self.data.columns)}, as in "
                    f"the header."
                )
            place, cell = f"line {number}", cells[position]
        found = repr(cell.strip()[:40]) if cell.strip() else "nothing"
        return DataError(f"{self.path}, {place}, column '{name}': expected {wanted}, found {found}.")

    @staticmethod
    def _no_stamps(column: pandas.Series) -> np.ndarray:
        """Return which cells [T] are no time stamps of the format of the first; the first, if none can be told."""
        import pandas

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                missing = pandas.to_datetime(column, errors="coerce").isna().to_numpy()
        except (ValueError, TypeError):
            missing = np.zeros(len(column), dtype=bool)
        return missing if missing.any() else np.arange(len(column)) == 0


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (ValueError, TypeError, OverflowError):
        return np.nan


def read_csv(path: Path, above: int = 0, gaps: bool = False) -> Frame:
    """Read a comma-separated file in UTF-8 whose header stands below `above` lines; blanks around names are dropped.

    Raises:
        DataError: the file is missing, empty or damaged, has no row, two columns of one name or one without a name, or
            a line with another number of columns than the header.
        MissingExtraError: pandas is not installed.
    """
    pandas = _pandas()
    names = header_of(path, above)
    check_names(path, names)
    try:
        # An open file, so that a path is never taken for an address, nor unpacked because of its ending.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # rows that are longer than the header
            data = pandas.read_csv(
                file, encoding="utf-8-sig", skiprows=above, header=0, names=names, index_col=False, low_memory=False
            )
    except (OSError, ValueError, pandas.errors.ParserWarning) as error:
        raise ragged_line(path, above) or DataError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error
    if not len(data):
        raise DataError(f"{path} has a header but no row below it.")
    # Lines that are too short are filled up without a word; their last cell is missing then.
    if not gaps and data.iloc[:, -1].isna().any() and (error := ragged_line(path, above)):
        raise error
    return Frame(path, data, above, gaps)


def read_parquet(path: Path) -> Frame:
    """Read a Parquet file.

    Raises:
        DataError: the file is missing or damaged, has no row, or two columns of one name or one without a name.
        MissingExtraError: pandas or pyarrow is not installed.
    """
    pandas = _pandas()
    try:
        import pyarrow  # noqa: F401 - pandas says less when it is missing
    except ImportError as error:
        raise missing_extra("pyarrow", "logs") from error
    try:
        with path.open("rb") as file:
            data = pandas.read_parquet(file, engine="pyarrow")
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
        raise DataError(f"{path} cannot be read as Parquet ({error}).") from error
    data.columns = [str(name).strip() for name in data.columns]
    check_names(path, list(data.columns))
    if not len(data):
        raise DataError(f"{path} has no row.")
    return Frame(path, data, None)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a table with a column without a name, two of one name, or another separator than the comma."""
    for position, name in enumerate(names):
        if not name:
            raise DataError(f"{path}: column {position + 1} has no name in the header: name it, or take it out.")
        if name in names[:position]:
            raise DataError(f"{path} has two columns '{name}': rename one of them.")
    if len(names) == 1 and (found := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers.")


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("pandas", "logs") from error
    return pandas


def root_of(folder: str | Path, mark: str, within: str = "") -> Path:
    """Return the folder, or its subfolder `within`, that holds a file or folder `mark`.

    Raises:
        DataError: the folder is missing, or neither holds it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    places = [folder, folder / within] if within else [folder]
    for place in places:
        if (place / mark).exists():
            return place
    also = f", nor has {folder / within}" if within else ""
    raise DataError(f"{folder} has no {mark}{also}: give the folder that holds it.")


def stems(folder: Path, suffix: str) -> list[str]:
    """Return the names, without their ending, of the files of one kind in a folder; hidden files do not count."""
    return [path.stem for path in folder.glob(f"*{suffix}") if path.is_file() and not path.name.startswith(".")]


def need(path: Path, why: str) -> Path:
    """Return a path at which there is a file.

    Raises:
        DataError: there is none; `why` says what it is the partner of.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}, {why}.")
    return path


def natural(name: str) -> list[str | int]:
    """Return a sorting key that puts machine-1-2 before machine-1-10.

    >>> sorted(["TS10", "TS2"], key=natural)
    ['TS2', 'TS10']
    """
    # Text stands at the even positions, even where it is empty, so that text never meets a number.
    return [int(part) if position % 2 else part for position, part in enumerate(re.split(r"([0-9]+)", name))]


def chosen(kind: str, found: Iterable[str], names: Iterable[str] | None) -> list[str]:
    """Return all names found, or those a user asks for, in natural order, each once.

    Raises:
        OptionError: a name that was not found; near ones are told.

    >>> chosen("machine", ["m-10", "m-2"], None)
    ['m-2', 'm-10']
    """
    known = set(found)
    if names is None:
        return sorted(known, key=natural)
    names = {names} if isinstance(names, str) else set(names)
    for name in sorted(names - known):
        raise unknown_name(kind, name, known)
    return sorted(names, key=natural)


def split(series: Series, train_fraction: float) -> DetectionTask:
    """Return the task to learn from the first share of the rows (rounded down) and to judge the rest.

    Raises:
        OptionError: the share is not between 0 and 1.
        DataError: no row is left on one side.

    >>> import numpy as np
    >>> task = split(Series(np.arange(10.0)[:, None], labels=np.zeros(10)), train_fraction=0.3)
    >>> len(task.train), len(task.test)
    (3, 7)
    """
    check_fraction(train_fraction)
    rows = int(train_fraction * len(series))
    if not 0 < rows < len(series):
        raise DataError(
            f"'{series.name}' has {len(series)} rows: a train_fraction of {train_fraction:g} leaves no row to "
            f"{'judge' if rows else 'learn from'}."
        )
    return DetectionTask(series.name, series.rows(0, rows), series.rows(rows, len(series)))


def check_fraction(train_fraction: float) -> None:
    """Refuse a share of rows that is not between 0 and 1."""
    if not 0 < train_fraction < 1:
        raise OptionError(f"train_fraction must be between 0 and 1, both excluded, got {train_fraction}.")
