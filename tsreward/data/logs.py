"""Logs: the sensors, the labels and the time of every row of a table, in chunks or whole; and logs as episodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tsreward.data.borders import Borders
from tsreward.data.columns import DataColumns
from tsreward.data.memory import bounded
from tsreward.data.roles import Roles, find_roles
from tsreward.data.rows import Reading, RowData, read_rows
from tsreward.data.table import is_nothing
from tsreward.data.tables import Table, open_table
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import DataError, OptionError
from tsreward.named_warnings import warn
from tsreward.sequences.cleaning import CleanRows, RowCleaner
from tsreward.sequences.columns import Columns
from tsreward.sequences.time import Stamps


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
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """[T] int64, which rows of the file they are, from 0."""
    breaks: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """[T] bool: the rows behind a gap in time, at which windows begin anew within a log or an episode."""
    missing: np.ndarray | None = None
    """[T] bool: the rows some value of which was filled in or is masked; None where there are none."""
    stamps: Stamps | None = None
    """[T] the time of each."""

    def nbytes(self) -> int:
        """Return the bytes of its numbers."""
        return self.values.nbytes + sum(values.nbytes for values in self.others.values())

    def take(self, rows: np.ndarray) -> LogChunk:
        """Return some of the rows."""

        def part(values: Any) -> Any:
            return None if values is None else values[rows]

        return LogChunk(
            self.values[rows],
            part(self.labels),
            None if self.time is None else [self.time[row] for row in rows],
            self.columns,
            self.starts[rows],
            {name: values[rows] for name, values in self.others.items()},
            None if self.episode is None else [self.episode[row] for row in rows],
            {name: cells.take(rows) for name, cells in self.cells.items()},
            self.rows[rows],
            self.breaks[rows],
            part(self.missing),
            None if self.stamps is None else self.stamps.take(rows),
        )


class Log:
    """An open log, a file of text or Parquet (`open_table`); leave it with `with`."""

    def __init__(self, path: Path, columns: DataColumns) -> None:
        self.path, self.columns = path, columns
        if columns.stacked is not None:
            raise OptionError(f"{path} is a table, and --stacked is about arrays of several axes: leave it out.")
        self._table = open_table(path, columns.skip_rows)
        try:
            self.roles = find_roles(path, self._table.expanded, columns, self._table.index)
            self.sensors = list(self.roles.obs)
            for name in self.sensors:
                if name in self._table.unnamed:
                    raise DataError(self._table.unnamed[name])
            kinds = tuple(map(self._table.kind, self.sensors))
            self.found = Columns(tuple(self.sensors), kinds if any(kinds) else ())
            self._borders = Borders(path)
            self._order = None if columns.time is None else columns.order(path, columns.time)
            self._intervals = LabelIntervals.told(columns)
            self._words = columns.label_words()
            self._cleaning = LogCleaning(columns, self.sensors, path)
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
        for chunk in self._raw_chunks(cells):
            if len((clean := self._cleaning.push(chunk)).values):
                yield clean
        if len((clean := self._cleaning.finish()).values):
            yield clean
        if self._order is not None and (text := self._order.warning()):
            warn("irregular time", text)

    def notes(self) -> list[str]:
        """Return what was done about gaps, missing values and labels, in words, when all rows have come."""
        notes = self._order.notes() if self._order is not None else []
        return [*notes, *self._cleaning.notes(), *(self._intervals.notes() if self._intervals is not None else [])]

    def _raw_chunks(self, cells: Sequence[str]) -> Iterator[LogChunk]:
        """Yield rows as they stand in the file."""
        roles = self.roles
        mapped = roles.label if self._words else None
        texts = [name for name in (roles.time, roles.episode, mapped) if name is not None]
        numbers = [name for name in roles.numbers if name != mapped]
        after_reset = self._after_reset()
        zero = set(roles.costs) if self.columns.cost_missing == "zero" else set[str]()
        gaps = self.columns.skip_bad_episodes or self.columns.missing != "error" or {*after_reset, *zero}
        for rows in self._table.chunks(numbers, [*dict.fromkeys([*texts, *cells])], gaps=gaps):
            width = len(self.sensors)
            values = rows.numbers[:, :width]
            others = dict(zip(numbers[width:], rows.numbers[:, width:].T, strict=True))
            if not self.columns.skip_bad_episodes:
                at_once = {name: part for name, part in others.items() if name not in {*after_reset, *zero}}
                self._check_present(at_once, rows.first)
            if mapped is not None:
                others[mapped] = mapped_labels(self._table, rows.texts(mapped), mapped, rows.first, self._words)
            for name in (*roles.done, *([] if roles.label is None else [roles.label])):
                kind = "label column" if name == roles.label else "column"
                others[name] = self._table.labels(others[name], name, rows.first, kind).astype(np.float64)
            labels = None if roles.label is None else others[roles.label]
            if labels is not None and self.columns.means_normal(roles.label):
                labels = 1 - labels
            names = None if roles.episode is None else rows.texts(roles.episode)
            done = np.logical_or.reduce([others[name] > 0 for name in roles.done]) if roles.done else None
            step = None if roles.step is None else others[roles.step]
            starts = self._borders.starts(len(values), names, done, step)
            if not self.columns.skip_bad_episodes:
                resets = starts & np.isnan(others[after_reset[0]]) if after_reset else starts
                due = {name: np.where(resets, 0.0, others[name]) for name in after_reset if name not in zero}
                self._check_present(due, rows.first)
            time = None if roles.time is None else rows.texts(roles.time)
            stamps, breaks = None, np.zeros(len(values), dtype=bool)
            if time is not None:
                stamps, breaks, unstamped = self._check_time(time, rows.first, starts)
                values = np.where(unstamped[:, None], np.nan, values)  # the rows that --missing drop leaves out
                labels = labels if self._intervals is None else self._intervals.mark(stamps)
            held = {name: rows.cells[name] for name in cells}
            number = np.arange(rows.first - 1, rows.first - 1 + len(values))
            yield LogChunk(values, labels, time, self.found, starts, others, names, held, number, breaks, stamps=stamps)

    def _check_time(self, cells: list[str], first: int, starts: np.ndarray) -> tuple[Stamps, np.ndarray, np.ndarray]:
        """Return the stamps of the next rows, checked within every episode, and which come behind a gap, and lack one.

        With --missing drop, a row without a stamp has that of a row beside it.
        """
        assert self._order is not None
        order = self._order
        lacks = np.zeros(len(cells), dtype=bool)
        if self.columns.missing == "drop" and not self.columns.skip_bad_episodes:
            lacks = np.array([is_nothing(cell) for cell in cells])
        new = starts if self.roles.has_episodes and self._intervals is None else np.zeros_like(starts)
        stamps = order.check_some(lambda rows: order.read(cells[rows], first + rows.start), lacks, first, new)
        return stamps, order.breaks, lacks

    def _after_reset(self) -> list[str]:
        """Return the columns that may be empty where an episode begins with its reset: first the one that tells that it
        does, which is the reward or, without any, the cost."""
        roles = self.roles
        rewards = [] if roles.reward is None else [roles.reward]
        if roles.layout != "arrival" or not roles.steps or not (rewards or roles.costs):
            return []
        return [*rewards, *roles.costs, *roles.actions]

    def _check_present(self, others: dict[str, np.ndarray], first: int) -> None:
        """Refuse missing values in columns that are no sensors."""
        for name, values in others.items():
            if (lacks := np.isnan(values)).any():
                row = first + int(np.argmax(lacks))
                zero = ", say --cost-missing zero" if name in self.roles.costs else ""
                remedy = f"--missing is about sensors; fill or drop the row{zero}, or --ignore {name}"
                raise self._table.fault(row, name, "a finite number", "", remedy)


def mapped_labels(table: Table, cells: Sequence[str], name: str, first: int, words: dict[str, int]) -> np.ndarray:
    """Return labels [T] of 0 and 1 of words, in the column `name` from row `first` on.

    Raises:
        DataError: another word is among them.
    """
    labels = np.array([words.get(cell.strip(), -1) for cell in cells], dtype=np.float64)
    if (wrong := labels < 0).any():
        row = int(np.argmax(wrong))
        wanted = f"one of the words of --label-map, {', '.join(words)}"
        raise table.fault(first + row, name, wanted, cells[row], "add it there", "label column")
    return labels


def read_log(path: Path, columns: DataColumns = DataColumns()) -> LogChunk:  # noqa: B008 - frozen
    """Read a whole log; a warning tells of gaps in its time.

    Raises:
        DataError: as `Log`, and the file cannot be read as a table.
        MissingExtraError: pyarrow is not installed.
    """
    with Log(path, columns) as log:
        return joined(list(bounded(path, log.chunks(), LogChunk.nbytes)))


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
        cells={name: _concat([chunk.cells[name] for chunk in chunks]) for name in first.cells},
        rows=np.concatenate([chunk.rows for chunk in chunks]),
        breaks=np.concatenate([chunk.breaks for chunk in chunks]),
        missing=None if first.missing is None else np.concatenate([chunk.missing for chunk in chunks]),  # type: ignore[misc]
        stamps=None if first.stamps is None else reduce(Stamps.join, [chunk.stamps for chunk in chunks]),  # type: ignore[misc]
    )


def _concat(arrays: Sequence[Any]) -> Any:
    import pyarrow

    parts = [part for array in arrays for part in (array.chunks if hasattr(array, "chunks") else [array])]
    return pyarrow.concat_arrays(parts)


class LogCleaning:
    """What is done about missing sensor values, for all that stands in the same rows."""

    def __init__(self, columns: DataColumns, names: Sequence[str], path: Path) -> None:
        refuses = columns.missing == "error" or columns.skip_bad_episodes
        self._cleaner = None if refuses else RowCleaner(columns.missing, names, path)
        self._marks = columns.missing != "drop"
        self._waiting: LogChunk | None = None
        self._origin: Stamps | None = None
        self._episodes = self._before = 0

    def push(self, chunk: LogChunk) -> LogChunk:
        """Return the rows that are ready after the next ones."""
        if self._cleaner is None:
            return chunk
        time = None
        if chunk.stamps is not None:
            self._origin = self._origin or chunk.stamps
            time = chunk.stamps.since(self._origin)
        ready = self._cleaner.push(chunk.values, chunk.starts | chunk.breaks, time)
        numbered = replace(chunk, missing=self._episodes + np.cumsum(chunk.starts))  # the episode of each row
        self._episodes += int(chunk.starts.sum())
        return self._given_out(numbered if self._waiting is None else joined([self._waiting, numbered]), ready)

    def finish(self) -> LogChunk:
        """Return the rows that still wait."""
        empty = LogChunk(np.zeros((0, 0)), None, None, Columns(()), np.zeros(0, dtype=bool), {})
        if self._cleaner is None:
            return empty
        rest = self._cleaner.finish()
        return empty if self._waiting is None else self._given_out(self._waiting, rest)

    def notes(self) -> list[str]:
        """Return what was done, in words."""
        return self._cleaner.notes() if self._cleaner is not None else []

    def _given_out(self, held: LogChunk, ready: CleanRows) -> LogChunk:
        first = int(held.rows[0])
        part = held.take(ready.rows - first)
        self._waiting = None
        if ready.settled <= held.rows[-1]:
            self._waiting = held.take(np.arange(ready.settled - first, len(held.rows)))
        episode = part.missing
        assert episode is not None
        starts = np.diff(episode, prepend=self._before) > 0
        self._before = int(episode[-1]) if len(episode) else self._before
        missing = ready.missing if self._marks else None
        return replace(part, values=ready.values, starts=starts, breaks=ready.starts & ~starts, missing=missing)


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
        roles, rows = log.roles, joined(list(bounded(path, log.chunks(), LogChunk.nbytes)))
        reading = read_rows(path, row_data(roles, rows, columns, path), columns.skip_bad_episodes)
        reading.notes += log.notes()
    if rows.time is not None and len(reading.parts) == len(reading.episodes):
        steps = zip(reading.parts, reading.episodes, strict=True)
        reading.stamps = [rows.time[row] for part, one in steps for row in range(part.start, part.start + len(one))]
    return roles.described, reading


def row_data(roles: Roles, rows: LogChunk, columns: DataColumns | None, where: object) -> RowData:
    """Return rows of a table by their roles, with costs where `columns` says what becomes of them.

    Raises:
        DataError: several costs in a row and nothing that says what becomes of them; the message begins with `where`.
    """
    others = rows.others

    def single(name: str | None) -> np.ndarray | None:
        return None if name is None else others[name]

    def beside(names: Sequence[str]) -> np.ndarray | None:
        return np.stack([others[name] for name in names], axis=1) if names else None

    def flags(names: Sequence[str]) -> np.ndarray | None:
        return np.logical_or.reduce([others[name] > 0 for name in names]) if names else None

    costs = rows.labels
    if columns is not None and roles.cost is not None and (costs is None or roles.prefers_cost):
        given = np.stack([others[name] for name in roles.costs], axis=1)
        costs = columns.recorded_costs(given[:, 0] if len(roles.costs) == 1 else given, f"{where}: '{roles.cost}'")
    following, actions = beside(roles.next_obs), beside(roles.actions)
    return RowData(
        obs=rows.values,
        columns=rows.columns,
        layout=roles.layout,
        next_obs=None if following is None else following.astype(rows.values.dtype),
        rewards=single(roles.reward),
        costs=costs,
        actions=actions if actions is None or len(roles.actions) > 1 else actions[:, 0],
        episode=rows.episode,
        step=single(roles.step),
        terminals=flags(roles.terminals),
        timeouts=flags(roles.timeouts),
        ends=flags(roles.ends),
        steps=roles.steps,
        starts=rows.starts,
        breaks=rows.breaks,
        missing=rows.missing,
    )


def is_table(path: Path) -> bool:
    """Tell whether a file is read as a table: every one is that is no NPZ or NPY."""
    return path.suffix.lower() not in (".npz", ".npy")
