"""Tables of sensor values: CSV with a header, and arrays [T, D]; one series per table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.csv_log import CsvLog, LogColumns
from tsreward.data.csv_rows import CsvRows
from tsreward.errors import DataError


@dataclass(frozen=True)
class Table:
    """One series."""

    values: np.ndarray
    """[T, D] float32, finite."""
    labels: np.ndarray | None = None
    """[T] float64, 0 or 1 (anomalous)."""


def read_csv(path: Path, label: str | None = None, ignore: Sequence[str] = ()) -> Table:
    """Read a comma-separated file whose first line names its columns; the `label` column does not become a value.

    Raises:
        DataError: the file is missing, damaged or empty, a column is missing, a cell is not a finite number, or a label
            is neither 0 nor 1.
        MissingExtraError: pandas is not installed.
    """
    return read_log(path, LogColumns(label, tuple(ignore)))


def read_log(path: Path, columns: LogColumns) -> Table:
    """Read a whole log; a warning tells of gaps in its time.

    Raises:
        DataError, MissingExtraError: as `read_csv`; or its time stamps are not in order.
    """
    with CsvLog(path, columns) as log:
        chunks = list(log.chunks())
    labels = [chunk.labels for chunk in chunks if chunk.labels is not None]
    return Table(np.concatenate([chunk.values for chunk in chunks]), np.concatenate(labels) if labels else None)


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
        with CsvRows(path) as rows:
            read = np.concatenate([chunk.numbers for chunk in rows.chunks(tuple(names))])
        return {name: read[:, column] for column, name in enumerate(names)}
    arrays = read_arrays(path)
    for name in names:
        if name not in arrays:
            raise DataError(f"{path} has no array '{name}': it has {', '.join(arrays)}.")
        if arrays[name].ndim != 1 or not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: '{name}' must be finite numbers [T], found shape {list(arrays[name].shape)}.")
    return {name: arrays[name].astype(np.float64) for name in names}


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
