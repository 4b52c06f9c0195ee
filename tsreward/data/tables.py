"""Tables of sensor values: CSV with a header, and arrays [T, D]; one series per table."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.errors import DataError, missing_extra

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Table:
    """One series."""

    values: np.ndarray
    """[T, D] float32, finite."""
    labels: np.ndarray | None = None
    """[T] float64; above 0 is anomalous."""


def read_csv(path: Path, label: str | None = None, ignore: Sequence[str] = ()) -> Table:
    """Read a comma-separated file whose first line names its columns; the `label` column does not become a value.

    Raises:
        DataError: the file is missing, damaged or empty, a column is missing, or a cell is not a finite number.
        MissingExtraError: pandas is not installed.
    """
    frame = _read_frame(path)
    dropped = [*ignore, *([] if label is None else [label])]
    _check_columns(path, frame, dropped)
    kept = [name for name in frame.columns if name not in dropped]
    if not kept:
        raise DataError(f"{path} has no column left without {', '.join(dropped)}: keep at least one.")
    values = np.stack([_numbers(path, frame, name) for name in kept], 1)
    return Table(_float32(f"{path}", values), None if label is None else _numbers(path, frame, label))


def table_of(array: np.ndarray, where: str) -> Table:
    """Return the table of an array [T, D]; `where` names it in errors.

    Raises:
        DataError: it has another number of axes, no entry, or NaN or inf in it.
    """
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{where} must be [T, D], one row per time step, found shape {list(array.shape)}.")
    return Table(_float32(where, array))


def read_columns(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return these columns [T] of a CSV file, or these arrays [T] of an NPZ file, in float64.

    Raises:
        DataError: one is missing or is not one finite number per row.
        MissingExtraError: the file is CSV, and pandas is not installed.
    """
    if path.suffix.lower() not in (".npz", ".npy"):
        frame = _read_frame(path)
        _check_columns(path, frame, names)
        return {name: _numbers(path, frame, name) for name in names}
    arrays = read_arrays(path)
    for name in names:
        if name not in arrays:
            raise DataError(f"{path} has no array '{name}': it has {', '.join(arrays)}.")
        if arrays[name].ndim != 1 or not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: '{name}' must be finite numbers [T], found shape {list(arrays[name].shape)}.")
    return {name: arrays[name].astype(np.float64) for name in names}


def _read_frame(path: Path) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("pandas", "logs") from error
    try:
        # An open file, so that a path is never taken for an address, nor unpacked because of its ending.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # rows that are longer than the header
            header = pandas.read_csv(file, encoding="utf-8-sig", header=None, nrows=1, dtype=str, keep_default_na=False)
            file.seek(0)
            frame = pandas.read_csv(file, encoding="utf-8-sig", index_col=False, low_memory=False)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, ValueError, pandas.errors.ParserWarning) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 with a header in its first line ({error}).") from error
    names = [str(name) for name in header.iloc[0]]
    for position, name in enumerate(names):
        if not name.strip():
            raise DataError(f"{path}: column {position + 1} has no name in the first line: name it, or take it out.")
        if name in names[:position]:
            raise DataError(f"{path} has two columns '{name}': rename one of them.")
    if len(names) == 1 and (found := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise DataError(f"{path} seems to be separated by {found!r}: tsreward reads commas, and points in numbers.")
    if not len(frame):
        raise DataError(f"{path} has a header but no row below it.")
    frame.columns = names
    return frame


def _check_columns(path: Path, frame: pandas.DataFrame, wanted: Collection[str]) -> None:
    for name in wanted:
        if name not in frame.columns:
            raise DataError(f"{path} has no column '{name}': it has {_listed(frame.columns)}.")


def _listed(names: Collection[str]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _numbers(path: Path, frame: pandas.DataFrame, name: str) -> np.ndarray:
    """Return one column in float64, or tell which of its cells is no number."""
    import pandas

    column = frame[name]
    values = np.asarray(pandas.to_numeric(column, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        cell = column.iloc[bad[0]]
        found = "nothing or NaN" if pandas.isna(cell) else repr(str(cell)[:40])
        raise DataError(
            f"{path}: row {bad[0] + 1} of column '{name}' must be a finite number, found {found}: fill or drop the "
            f"row, or ignore the column."
        )
    return values


def _float32(where: str, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    rows, columns = np.nonzero(~np.isfinite(result))
    if len(rows):
        raise DataError(
            f"{where}: row {rows[0] + 1}, column {columns[0] + 1} must be a finite number within float32, found "
            f"{values[rows[0], columns[0]]}: fill or drop the row."
        )
    return result
