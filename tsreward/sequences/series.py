"""`Series`: one multivariate time series with its labels; `DetectionTask`: training rows, and labelled test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.errors import DataError, ShapeError


@dataclass(frozen=True)
class Series:
    """Values [T, D] of D columns over T rows.

    >>> series = Series(np.array([[1.0], [2.0], [9.0]]), labels=np.array([False, False, True]))
    >>> series.rows(1, 3).labels
    array([False,  True])
    """

    values: np.ndarray
    """[T, D] float64, finite."""
    labels: np.ndarray | None = None
    """[T] bool: which rows are anomalous; None where nobody knows."""
    name: str = "series"
    columns: tuple[str, ...] = ()
    """Names of the D columns; empty where they have none."""
    index: Any = None
    """[T] of time stamps or numbers: a numpy array or a pandas Index; None counts rows."""

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "fiub":
            raise ShapeError(
                f"Series '{self.name}' expects numbers [T, D], one row per time step, got {list(values.shape)} of "
                f"{values.dtype}."
            )
        values = np.ascontiguousarray(values, dtype=np.float64)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"Series '{self.name}': row {row} of column {self.column(column)!r} is {values[row, column]}: fill or "
                f"drop it first."
            )
        object.__setattr__(self, "values", values)
        if self.columns and len(self.columns) != values.shape[1]:
            raise ShapeError(f"Series '{self.name}' has {values.shape[1]} columns, but {len(self.columns)} names.")
        for field in ("labels", "index"):
            given = getattr(self, field)
            if given is not None and len(given) != len(values):
                raise ShapeError(f"Series '{self.name}' has {len(values)} rows, but {len(given)} in its {field}.")
        if self.labels is not None:
            labels = np.asarray(self.labels)
            if labels.ndim != 1 or (labels.dtype.kind != "b" and not np.isin(labels, (0, 1)).all()):
                raise DataError(f"Series '{self.name}' expects labels [T] of 0 (normal) and 1 (anomalous).")
            object.__setattr__(self, "labels", labels.astype(bool))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dim(self) -> int:
        """Number D of columns."""
        return self.values.shape[1]

    def column(self, position: int) -> str:
        """Return the name of a column, or its position where it has none."""
        return self.columns[position] if self.columns else str(position)

    def rows(self, start: int, stop: int) -> Series:
        """Return the rows from `start` up to but without `stop`."""
        part = slice(start, stop)
        labels = None if self.labels is None else self.labels[part]
        index = None if self.index is None else self.index[part]
        return Series(self.values[part], labels, self.name, self.columns, index)


@dataclass(frozen=True)
class DetectionTask:
    """One series of a benchmark: the rows that a detector may learn from, and the labelled rows it is evaluated on."""

    name: str
    train: Series
    test: Series

    def __post_init__(self) -> None:
        if self.train.dim != self.test.dim:
            raise ShapeError(
                f"{self.name}: training rows of {self.train.dim} columns, but test rows of {self.test.dim}."
            )
        if self.test.labels is None:
            raise DataError(f"{self.name}: the test part has no labels: a benchmark needs them.")


def as_series(data: Any, name: str = "series") -> Series:
    """Return a Series, an array [T] or [T, D], or a pandas DataFrame or Series (its index is kept) as a Series.

    Raises:
        ShapeError: another shape, or columns that are not numbers.
        DataError: NaN or inf.

    >>> as_series(np.array([1.0, 2.0])).values.shape
    (2, 1)
    """
    if isinstance(data, Series):
        return data
    values = np.asarray(data)
    columns = tuple(map(str, data.columns)) if hasattr(data, "columns") else ()
    index = data.index if hasattr(data, "iloc") else None
    return Series(values[:, None] if values.ndim == 1 else values, None, name, columns, index)
