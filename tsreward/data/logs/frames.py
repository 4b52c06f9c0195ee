"""Tables with named columns that can tell the line of every bad cell."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.data.logs.lines import line_of
from tsreward.errors import DataError

if TYPE_CHECKING:
    import pandas


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
