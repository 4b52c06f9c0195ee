"""`Series`: one multivariate time series with its labels; `DetectionTask`: training rows, and labelled test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Unpack

import numpy as np

from tsreward.errors import DataError, ShapeError
from tsreward.sequences.columns import Columns, ordered
from tsreward.sequences.expectation import Expectation
from tsreward.sequences.frame_rows import FrameReader
from tsreward.sequences.frames import is_frame
from tsreward.sequences.row_options import RowKeywords, RowOptions


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
    starts: np.ndarray | None = None
    """[T] bool: the rows behind a gap, at which windows and averages begin anew; None where there is no gap."""

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
        for field in ("labels", "index", "starts"):
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
        starts = None if self.starts is None else self.starts[part]
        return Series(self.values[part], labels, self.name, self.columns, index, starts)

    def stretches(self) -> list[Series]:
        """Return the series in parts, without gaps."""
        borders = [] if self.starts is None else [int(row) for row in np.flatnonzero(self.starts) if row]
        parts = pairwise([0, *borders, len(self)])
        return [replace(self.rows(*part), starts=None) for part in parts] if borders else [self]

    def in_order(self, wanted: Columns | None, who: str) -> Series:
        """Return the series with the columns in the order that `who` was fitted on; one without names as it is.

        Raises:
            DataError, ShapeError: they are not these columns, see `Columns.places`.
        """
        if wanted is None or not self.columns:
            return self
        values = ordered(self.values, Columns(self.columns), wanted, who, f"'{self.name}'")
        return self if values is self.values else replace(self, values=values, columns=wanted.names)

    def without(self, ignore: Sequence[str]) -> Series:
        """Return the series without some columns.

        Raises:
            DataError: it has no such column.
        """
        if not ignore:
            return self
        found = Columns(self.columns) if self.columns else None
        values = ordered(self.values, found, None, "the rest", f"'{self.name}'", ignore)
        kept = tuple(name for name in self.columns if name not in set(ignore))
        return replace(self, values=values, columns=kept)


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
        columns = Columns(self.train.columns) if self.train.columns else None
        object.__setattr__(self, "test", self.test.in_order(columns, "the training part"))
        if self.test.labels is None:
            raise DataError(f"{self.name}: the test part has no labels: a benchmark needs them.")


def as_series(
    data: Any,
    name: str = "series",
    wanted: Columns | None = None,
    expected: Expectation | None = None,
    **rows: Unpack[RowKeywords],
) -> Series:
    """Return a Series, an array [T] or [T, D], a table (`read_frame`) or a pandas Series as a Series.

    The index of a pandas object is kept; one that is a time is checked.

    Args:
        data: the rows.
        name: of the series, in messages.
        wanted: names of the columns, which are brought into this order.
        expected: what replaces values under missing="mask"; None learns that from the rows that have all values.
        rows: what is done about the rows, see `RowOptions`: ignore, missing, time, gap, ...

    Raises:
        ShapeError: another shape, or an array that is no numbers.
        DataError: NaN or inf; columns, time stamps or missing values that `rows` refuses.
        OptionError: an unknown option of rows, or a value that cannot be.

    >>> as_series(np.array([1.0, 2.0])).values.shape
    (2, 1)
    """
    options = RowOptions.of(rows)
    if isinstance(data, Series):
        return data.without(options.ignore).in_order(wanted, "the detector")
    if not is_frame(data):
        values = np.asarray(data)
        index = data.index if hasattr(data, "iloc") else None
        values = values[:, None] if values.ndim == 1 else values
        if options == RowOptions() or values.ndim != 2 or values.dtype.kind not in "biuf":
            return Series(values, None, name, (), index)
        data = values
    read = FrameReader(options, f"'{name}'").read(data)
    values = ordered(read.values, read.columns, wanted, "the detector", f"'{name}'")
    if options.missing == "mask" and np.isnan(values).any():
        expected = expected or Expectation(values.shape[1]).fit(values[~np.isnan(values).any(1)])
        values = expected.fill(values)
    columns = (wanted or read.columns).names if read.columns else ()
    return Series(values, None, name, columns, read.index, read.starts if read.starts.any() else None)
