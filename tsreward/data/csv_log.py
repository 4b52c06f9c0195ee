"""One log in a CSV file, in chunks: the sensors, the labels and the time of every row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from tsreward.data.csv_rows import CsvRows, Rows, check_columns
from tsreward.data.time import TimeOrder
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import DataError, OptionError


@dataclass(frozen=True)
class LogColumns:
    """What the columns of a log are; those that are not named here are sensors."""

    label: str | None = None
    """1 or True where a row is anomalous, else 0 or False."""
    ignore: tuple[str, ...] = ()
    """Left out, whatever they hold."""
    time: str | None = None
    """Time stamps, each after the one before: numbers of one unit, or ISO 8601 text in one zone."""
    step: float | None = None
    """Seconds from stamp to stamp, in the unit of the column where it holds numbers; None takes any steps."""
    label_intervals: Path | None = None
    """CSV file with columns start and end, written as the time column is: what is anomalous, in place of --label."""

    def __post_init__(self) -> None:
        for name in ("step", "label_intervals"):
            if getattr(self, name) is not None and self.time is None:
                option = name.replace("_", "-")
                raise OptionError(f"--{option} is about time stamps: name their column with --time.")
        if self.step is not None and not 0 < self.step < np.inf:
            raise OptionError(f"--step must be above 0, got {self.step}.")
        if self.label_intervals is not None and self.label is not None:
            raise OptionError("Labels come from one place: take either --label or --label-intervals.")

    @property
    def named(self) -> bool:
        """Whether any column is named, which only a CSV file has."""
        return self != LogColumns()


@dataclass(frozen=True)
class LogChunk:
    """Consecutive rows of a log."""

    values: np.ndarray
    """[T, D] float32, finite."""
    labels: np.ndarray | None
    """[T] float64, 0 or 1; None where the log has none."""
    time: list[str] | None
    """[T] stamps as they stand in the file; None where no column was named."""


class CsvLog:
    """An open log; leave it with `with`."""

    def __init__(self, path: Path, columns: LogColumns) -> None:
        self.path, self.columns = path, columns
        self._rows = CsvRows(path)
        try:
            self.sensors = self._sensors()
            self._order = None if columns.time is None else TimeOrder(path, columns.time, columns.step)
            self._intervals = None if columns.label_intervals is None else LabelIntervals(columns.label_intervals)
        except BaseException:
            self._rows.__exit__(None, None, None)
            raise

    def __enter__(self) -> CsvLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.__exit__(kind, error, trace)

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return self._rows.progress

    def chunks(self) -> Iterator[LogChunk]:
        """Yield all rows once, some thousands at a time; warn of gaps and irregular steps when they have ended.

        Raises:
            DataError: the file is damaged, a cell is not what it must be (see `CsvRows` and `TimeOrder`), a sensor is
                beyond float32, or a label is neither 0 nor 1.
        """
        label, time = self.columns.label, self.columns.time
        numbers = [*self.sensors, *([] if label is None else [label])]
        for rows in self._rows.chunks(numbers, [] if time is None else [time]):
            values = self._float32(rows)
            labels = None if label is None else self._checked_labels(rows, label)
            if self._order is not None:
                stamps = self._order.check(rows.texts[0], rows.first)
                labels = labels if self._intervals is None else self._intervals.mark(stamps)
            yield LogChunk(values, labels, None if time is None else rows.texts[0])
        if self._intervals is not None:
            self._intervals.finish()
        self._warn_of_gaps()

    def _sensors(self) -> list[str]:
        columns, names = self.columns, self._rows.names
        dropped = [*columns.ignore, *(name for name in (columns.label, columns.time) if name is not None)]
        check_columns(self.path, names, dropped)
        sensors = [name for name in names if name not in dropped]
        if not sensors:
            raise DataError(f"{self.path} has no column left without {', '.join(dropped)}: keep at least one.")
        return sensors

    def _float32(self, rows: Rows) -> np.ndarray:
        wide = rows.numbers[:, : len(self.sensors)]
        with np.errstate(over="ignore"):
            values = wide.astype(np.float32)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(
                f"{self.path}: row {rows.first + row} of column '{self.sensors[column]}' must be a finite number "
                f"within float32, found {wide[row, column]}: fill or drop the row."
            )
        return values

    def _checked_labels(self, rows: Rows, name: str) -> np.ndarray:
        labels = rows.numbers[:, -1].copy()
        wrong = (labels != 0) & (labels != 1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{self.path}: row {rows.first + row} of label column '{name}' must be 0 (normal) or 1 (anomalous), "
                f"found {labels[row]:g}: convert the column."
            )
        return labels

    def _warn_of_gaps(self) -> None:
        found = None if self._order is None else self._order.irregularity
        if found is not None and found.first:
            warnings.warn(
                f"{self.path}: '{self.columns.time}' usually steps by {found.usual:g}, with gaps: {found.gaps}, other "
                f"irregular steps: {found.others}, the first at row {found.first}: windows count rows, so they span "
                f"them. --step {found.usual:g} makes this an error.",
                stacklevel=3,
            )
