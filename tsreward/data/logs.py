"""Logs: the sensors, the labels and the time of every row of a table, in chunks or whole; and logs as episodes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.roles import Roles, find_roles
from tsreward.data.rows import Borders, Reading, RowData, read_rows
from tsreward.data.tables import Table, open_table
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import DataError
from tsreward.sequences.columns import Columns
from tsreward.sequences.time import Stamps
from tsreward.sequences.time_order import TimeOrder


@dataclass(frozen=True)
class LogChunk:
    """Consecutive rows of a log, or of episodes."""

    values: np.ndarray
    """[T, D] float64, finite."""
    labels: np.ndarray | None
    """[T] float64, 0 or 1; None where the log has none."""
    time: list[str] | None
    """[T] stamps as they stand in the file; None where no column was named."""
    columns: Columns
    """Names of the D columns."""
    starts: np.ndarray
    """[T] bool: the rows that windows begin anew at; the first one of a log, and of every episode."""
    others: dict[str, np.ndarray]
    """[T] float64, what is read beside what is observed, by the names of the columns."""
    episode: list[str] | None = None
    """[T] names of episodes; None where no column tells them."""
    cells: dict[str, Any] = field(default_factory=dict)
    """Arrow arrays [T] of columns as they stand in the file, those that were asked for."""


class Log:
    """An open log, a file of text or Parquet (`open_table`); leave it with `with`."""

    def __init__(self, path: Path, columns: DataColumns) -> None:
        self.path, self.columns = path, columns
        self._table = open_table(path)
        try:
            self.roles = find_roles(path, self._table.expanded, columns, self._table.index)
            self.sensors = list(self.roles.obs)
            kinds = tuple(map(self._table.kind, self.sensors))
            self.found = Columns(tuple(self.sensors), kinds if any(kinds) else ())
            self._borders = Borders(path)
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
    def table(self) -> Table:
        """The table that is read."""
        return self._table

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read, and bytes of the file."""
        return self._table.progress

    def chunks(self, cells: Sequence[str] = ()) -> Iterator[LogChunk]:
        """Yield all rows once, some thousands at a time; warn of gaps and irregular steps when they have ended.

        The columns `cells` come as they stand in the file too.

        Raises:
            DataError: the file is damaged, a cell is not what it must be (see `Table` and `TimeOrder`), or a
                label is neither 0 nor 1.
        """
        roles = self.roles
        texts = [name for name in (roles.time, roles.episode) if name is not None]
        for rows in self._table.chunks(roles.numbers, [*texts, *cells], gaps=self.columns.skip_bad_episodes):
            width = len(self.sensors)
            values = rows.numbers[:, :width]
            others = dict(zip(roles.numbers[width:], rows.numbers[:, width:].T, strict=True))
            for name in (*roles.done, *([] if roles.label is None else [roles.label])):
                kind = "label column" if name == roles.label else "column"
                others[name] = self._table.labels(others[name], name, rows.first, kind).astype(np.float64)
            labels = None if roles.label is None else others[roles.label]
            names = None if roles.episode is None else rows.texts(roles.episode)
            done = np.logical_or.reduce([others[name] > 0 for name in roles.done]) if roles.done else None
            step = None if roles.step is None else others[roles.step]
            starts = self._borders.starts(len(values), names, done, step)
            time = None if roles.time is None else rows.texts(roles.time)
            if time is not None:
                stamps = self._check_time(time, rows.first, starts)
                labels = labels if self._intervals is None or stamps is None else self._intervals.mark(stamps)
            held = {name: rows.cells[name] for name in cells}
            yield LogChunk(values, labels, time, self.found, starts, others, names, held)
        if self._intervals is not None:
            self._intervals.finish()
        self._warn_of_gaps()

    def _check_time(self, cells: list[str], first: int, starts: np.ndarray) -> Stamps | None:
        """Check the stamps of the next rows, within every episode; return them where they are of one log."""
        assert self._order is not None
        if not self.roles.has_episodes or self._intervals is not None:
            return self._order.check(cells, first)
        borders = [0, *(int(row) for row in np.flatnonzero(starts) if row), len(cells)]
        for start, stop in pairwise(borders):
            if starts[start]:
                self._order.begin()
            self._order.check(cells[start:stop], first + start)
        return None

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
        return joined(list(log.chunks()))


def joined(chunks: Sequence[LogChunk]) -> LogChunk:
    """Return chunks as one."""
    first = chunks[0]
    return LogChunk(
        values=np.concatenate([chunk.values for chunk in chunks]),
        labels=None if first.labels is None else np.concatenate([chunk.labels for chunk in chunks]),  # type: ignore[misc]
        time=None if first.time is None else [stamp for chunk in chunks for stamp in chunk.time or ()],
        columns=first.columns,
        starts=np.concatenate([chunk.starts for chunk in chunks]),
        others={name: np.concatenate([chunk.others[name] for chunk in chunks]) for name in first.others},
        episode=None if first.episode is None else [name for chunk in chunks for name in chunk.episode or ()],
    )


def read_table(path: Path, columns: DataColumns = DataColumns()) -> tuple[Sequence[str], Reading]:  # noqa: B008
    """Return what was decided about the columns of a table, and its episodes; a log is one.

    A log of T rows becomes an episode of T transitions whose first observation is its first row once more: every row is
    then arrived at, and as short history repeats the first observation anyway, no window changes. Labels become the
    costs. Rows that are steps of episodes: see `read_rows`.

    Raises:
        DataError: as `Log` and `read_rows`.
        MissingExtraError: pyarrow is not installed.
    """
    with Log(path, columns) as log:
        roles, rows = log.roles, joined(list(log.chunks()))
    return roles.described, read_rows(path, row_data(roles, rows), columns.skip_bad_episodes)


def row_data(roles: Roles, rows: LogChunk) -> RowData:
    """Return rows of a table by their roles."""
    others = rows.others

    def single(name: str | None) -> np.ndarray | None:
        return None if name is None else others[name]

    def beside(names: Sequence[str]) -> np.ndarray | None:
        return np.stack([others[name] for name in names], axis=1) if names else None

    def flags(names: Sequence[str]) -> np.ndarray | None:
        return np.logical_or.reduce([others[name] > 0 for name in names]) if names else None

    following, actions = beside(roles.next_obs), beside(roles.actions)
    return RowData(
        obs=rows.values,
        columns=rows.columns,
        layout=roles.layout,
        next_obs=None if following is None else following.astype(rows.values.dtype),
        rewards=single(roles.reward),
        costs=single(roles.cost) if rows.labels is None or roles.prefers_cost else rows.labels,
        actions=actions if actions is None or len(roles.actions) > 1 else actions[:, 0],
        episode=rows.episode,
        step=single(roles.step),
        terminals=flags(roles.terminals),
        timeouts=flags(roles.timeouts),
        ends=flags(roles.ends),
        steps=roles.steps,
    )


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
