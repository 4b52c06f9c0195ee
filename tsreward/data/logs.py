"""Logs: the sensors, the labels and the time of every row of a table, in chunks or whole; and logs as episodes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import episodes_from, is_episodes
from tsreward.data.tables import open_table
from tsreward.data.time import TimeOrder
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import DataError
from tsreward.sequences.columns import Columns
from tsreward.sequences.episodes import Episode


@dataclass(frozen=True)
class LogChunk:
    """Consecutive rows of a log."""

    values: np.ndarray
    """[T, D] float64, finite."""
    labels: np.ndarray | None
    """[T] float64, 0 or 1; None where the log has none."""
    time: list[str] | None
    """[T] stamps as they stand in the file; None where no column was named."""
    columns: Columns
    """Names of the D columns."""


class Log:
    """An open log, a file of text or Parquet (`open_table`); leave it with `with`."""

    def __init__(self, path: Path, columns: DataColumns) -> None:
        self.path, self.columns = path, columns
        self._table = open_table(path)
        try:
            self.sensors = self._sensors()
            kinds = tuple(map(self._table.kind, self.sensors))
            self.found = Columns(tuple(self.sensors), kinds if any(kinds) else ())
            self._order = None if columns.time is None else TimeOrder(path, columns.time, columns.time_step)
            self._intervals = None if columns.label_intervals is None else LabelIntervals(columns.label_intervals)
        except BaseException:
            self._table.__exit__(None, None, None)
            raise

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.__exit__(kind, error, trace)

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return self._table.progress

    def chunks(self) -> Iterator[LogChunk]:
        """Yield all rows once, some thousands at a time; warn of gaps and irregular steps when they have ended.

        Raises:
            DataError: the file is damaged, a cell is not what it must be (see `Table` and `TimeOrder`), or a
                label is neither 0 nor 1.
        """
        label, time = self.columns.label, self.columns.time
        numbers = [*self.sensors, *([] if label is None else [label])]
        for rows in self._table.chunks(numbers, [] if time is None else [time]):
            values = rows.numbers[:, : len(self.sensors)]
            labels = None
            if label is not None:
                labels = self._table.labels(rows.numbers[:, -1], label, rows.first).astype(np.float64)
            cells = None if time is None else rows.texts(time)
            if self._order is not None and cells is not None:
                stamps = self._order.check(cells, rows.first)
                labels = labels if self._intervals is None else self._intervals.mark(stamps)
            yield LogChunk(values, labels, cells, self.found)
        if self._intervals is not None:
            self._intervals.finish()
        self._warn_of_gaps()

    def _sensors(self) -> list[str]:
        columns, names = self.columns, self._table.names
        # The index of a pandas frame is no sensor, unless it is named as the time.
        dropped = [*self._table.index, *columns.roles]
        self._table.require(dropped)
        sensors = [name for name in names if name not in dropped]
        if not sensors:
            raise DataError(f"{self.path} has no column left without {', '.join(dropped)}: keep at least one.")
        return sensors

    def _warn_of_gaps(self) -> None:
        found = None if self._order is None else self._order.irregularity
        if found is not None and found.first:
            warnings.warn(
                f"{self.path}: '{self.columns.time}' usually steps by {found.usual:g}, with gaps: {found.gaps}, other "
                f"irregular steps: {found.others}, the first at row {found.first}: windows count rows, so they span "
                f"them. --time-step {found.usual:g} makes this an error.",
                stacklevel=3,
            )


def read_log(path: Path, columns: DataColumns = DataColumns()) -> LogChunk:  # noqa: B008 - frozen
    """Read a whole log; a warning tells of gaps in its time.

    Raises:
        DataError: as `Log`, and the file cannot be read as a table.
        MissingExtraError: pyarrow is not installed.
    """
    with Log(path, columns) as log:
        chunks = list(log.chunks())
    labels = [chunk.labels for chunk in chunks if chunk.labels is not None]
    time = [stamp for chunk in chunks for stamp in chunk.time or ()]
    values = np.concatenate([chunk.values for chunk in chunks])
    return LogChunk(values, np.concatenate(labels) if labels else None, time or None, chunks[0].columns)


def read_observations(paths: Sequence[Path], columns: DataColumns = DataColumns()) -> list[Episode]:  # noqa: B008
    """Read files of `save_episodes`, tables (CSV, Parquet), and NPY or NPZ files of arrays [T, D], as episodes.

    A log of T rows becomes an episode of T transitions whose first observation is its first row once more: every row is
    then arrived at, and as short history repeats the first observation anyway, no window changes. `columns` says what
    the columns of tables are; labels become the costs.

    Raises:
        DataError: no file, one that is missing, damaged or not finite, or observations of different shapes.
        MissingExtraError: a file is a table, and pyarrow is not installed.
    """
    episodes: list[Episode] = []
    for path in paths:
        read = _read(path, columns)
        names = (episodes or read)[0].columns
        read = [episode.in_order(names, str(paths[0]), str(path)) for episode in read]
        first = (episodes or read)[0].obs.shape[1:]
        for episode in read:
            if episode.obs.shape[1:] != first:
                raise DataError(
                    f"{path} holds observations {list(episode.obs.shape[1:])}, but {paths[0]} {list(first)}: give data "
                    f"of one shape."
                )
        episodes += read
    if not episodes:
        raise DataError("No file was given: name at least one.")
    return episodes


def is_table(path: Path) -> bool:
    """Tell whether a file is read as a table: every one is that is no NPZ or NPY."""
    return path.suffix.lower() not in (".npz", ".npy")


def read_columns(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return these columns [T] of a table, or these arrays [T] of an NPZ file, in float64.

    Raises:
        DataError: one is missing or is not one finite number per row.
        MissingExtraError: the file is a table, and pyarrow is not installed.
    """
    if is_table(path):
        with open_table(path) as table:
            read = table.read(names).numbers
        return {name: read[:, column] for column, name in enumerate(names)}
    arrays = read_arrays(path)
    for name in names:
        if name not in arrays:
            raise DataError(f"{path} has no array '{name}': it has {', '.join(arrays)}.")
        if arrays[name].ndim != 1 or not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: '{name}' must be finite numbers [T], found shape {list(arrays[name].shape)}.")
    return {name: arrays[name].astype(np.float64) for name in names}


def _read(path: Path, columns: DataColumns) -> list[Episode]:
    if is_table(path):
        log = read_log(path, columns)
        return [_episode(log.values, log.labels, log.columns)]
    if columns.named:
        raise DataError(f"{path} has no named columns: only a table has a label column or columns to ignore.")
    arrays = read_arrays(path)
    if not arrays:
        raise DataError(f"{path} holds no array.")
    if is_episodes(arrays):
        return episodes_from(arrays, path)
    return [_episode(_checked(array, f"{path}, array '{name}',")) for name, array in arrays.items()]


def _episode(values: np.ndarray, labels: np.ndarray | None = None, columns: Columns | None = None) -> Episode:
    return Episode(np.concatenate([values[:1], values]), costs=labels, columns=columns)


def _checked(array: np.ndarray, where: str) -> np.ndarray:
    """Return an array [T, D] as it is, finite; `where` names it in errors."""
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{where} must be [T, D], one row per time step, found shape {list(array.shape)}.")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{where}: row {row + 1}, column {column + 1} must be a finite number, found {array[row, column]}: fill or "
            f"drop the row."
        )
    return array
