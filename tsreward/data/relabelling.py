"""Recorded data with the rewards of a model: what kind of file it is, and tables of steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from tsreward.data.columns import DataColumns
from tsreward.data.films import is_film
from tsreward.data.hdf5 import HDF5
from tsreward.data.lerobot import is_lerobot
from tsreward.data.logs import Log, LogChunk, joined, row_data
from tsreward.data.minari import ORIGINAL, is_minari, minari_source
from tsreward.data.relabelled import Relabelled, check_fit, check_paid, relabel_rows
from tsreward.data.relabelling_arrays import relabel_hdf5, relabel_npz
from tsreward.data.relabelling_minari import relabel_minari
from tsreward.data.roles import NAMES, Roles
from tsreward.data.tables import ParquetTable, csv_writer
from tsreward.errors import DataError, OptionError
from tsreward.files import open_atomic, write_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.relabel import still
from tsreward.pipeline.scores import ScoreStream, reaches_first
from tsreward.sequences.columns import ordered
from tsreward.sequences.episodes import Episode

REWARDS = tuple(name for name in NAMES["reward"] if "original" not in name)
"""Columns that learned rewards are written to, the first that is there."""


def relabel_file(
    model: RewardModel,
    source: Path,
    target: Path,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    note: dict[str, Any] | None = None,
    multiplier: float | None = None,
) -> Relabelled:
    """Write `source` with the rewards of `model` as `target`, which appears when all of it is written.

    The environment's rewards are kept beside the learned ones: in the array original_rewards (.npz), the column
    original_reward (tables) or `infos["original_reward"]` (Minari). Data that was relabelled before is relabelled from
    those. Minari datasets and tables are relabelled in bounded memory (that of the longest episode); arrays are read
    whole. What some rewards lack is counted in `Relabelled.marks`.

    Args:
        model: a fitted model.
        source: a file of `save_episodes` or of arrays of rows (.npz, .hdf5), a table of steps (.csv, .csv.gz,
            .parquet), or minari:ID, minari:./FOLDER.
        target: of the same kind as `source`; tables are not compressed.
        columns: what the columns or arrays are.
        note: JSON values for the metadata: the array metadata (.npz), the metadata tsreward (Parquet, Minari), the
            attribute tsreward (.hdf5), or a file beside the table, FILE.json (CSV).
        multiplier: the weight of a `Lagrangian`, which no agent's training moves here.

    Raises:
        ProtocolError: a mode that moves while an agent trains, without a multiplier.
        OptionError: files of other kinds, or the model lowers rewards of the environment, and there are none.
        DataError: the data are damaged or do not fit the columns, or `target` cannot be written.
        ShapeError: observations of another shape than the model's.
        MissingExtraError: minari is not installed.
    """
    kind, note = relabelled_kind(source, target), note or {}
    model = still(model, multiplier)
    if kind == "minari":
        return relabel_minari(model, minari_source(source), minari_source(target), note, columns)
    if kind == "npz":
        return relabel_npz(model, source, target, columns, note)
    if kind == "hdf5":
        return relabel_hdf5(model, source, target, columns, note)
    done = _relabel_table(model, source, target, columns, note)
    if kind == "csv":
        write_atomic(
            Path(f"{target}.json"), (json.dumps(note | done.marks(), sort_keys=True, indent=2) + "\n").encode()
        )
    return done


def relabelled_kind(source: Path, target: Path) -> str:
    """Return what both are: npz, hdf5, csv, parquet or minari.

    Raises:
        OptionError: another kind, or not the same one.

    >>> relabelled_kind(Path("a.csv.gz"), Path("b.csv"))
    'csv'
    """
    kinds = [_kind(path) for path in (source, target)]
    if kinds[0] is None or kinds[0] != kinds[1] or target.suffix.lower() == ".gz":
        hint = ""
        if is_lerobot(source):
            hint = ": of a LeRobot folder, relabel the files data/*/*.parquet one by one"
        elif kinds[0] is None and (source.is_dir() or is_film(source)):
            hint = ": videos, pictures and folders have no place for rewards, so record episodes of them"
        raise OptionError(
            f"relabel reads and writes files that end with .npz, .csv or .parquet, or minari:ID, both of one kind, or "
            f"that end with .hdf5, got {source} and {target}{hint}."
        )
    return kinds[0]


def _kind(path: Path) -> str | None:
    if is_minari(path):
        return "minari"
    endings = {".npz": "npz", ".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"} | dict.fromkeys(HDF5, "hdf5")
    return next((kind for ending, kind in endings.items() if path.name.lower().endswith(ending)), None)


class _StepRewards:
    """The rewards of a table, chunk after chunk: windows begin anew where the episode changes."""

    def __init__(self, model: RewardModel, where: Path, width: int, paid: bool) -> None:
        check_fit(model, (width,), where)
        check_paid(model, paid, where)
        self.done = Relabelled(original_reward=0.0 if paid else None)
        self._model, self._where = model, where
        self._seen: set[Any] = set()
        self._now: Any = None
        self._has_first = False
        self.monitor = Monitor(model, str(where))
        self._stream = ScoreStream(model, monitor=self.monitor)

    def push(
        self, episodes: Sequence[Any], values: np.ndarray, paid: np.ndarray | None, breaks: np.ndarray | None = None
    ) -> np.ndarray:
        """Return rewards [T] of the next rows: the episode of each, observations [T, D] and rewards [T].

        Windows begin anew at `breaks` [T] within an episode. A row without a reward (NaN) is a reset, and is paid none.

        Raises:
            DataError: the rows of an episode do not stand together, or NaN or inf.
        """
        rewards, is_anomaly = np.full(len(values), np.nan), np.zeros(len(values), bool)
        resets = np.zeros(len(values), bool) if paid is None else np.isnan(paid)
        borders = [row for row in range(1, len(values)) if episodes[row] != episodes[row - 1]]
        for start, stop in zip([0, *borders], [*borders, len(values)], strict=True):
            self._enter(episodes[start], values[start] if resets[start] else None)
            start += int(resets[start])
            if start == stop:
                continue
            part = None if paid is None else torch.from_numpy(paid[start:stop])
            anew = None if breaks is None else breaks[start:stop]
            earned = self._stream.reward(torch.from_numpy(values[start:stop]), part, anew)
            steps = np.arange(self._stream.rows - (stop - start), self._stream.rows)
            if not self._has_first:
                self.done.missing_first += int(reaches_first(self._model, steps).sum())
            rewards[start:stop], is_anomaly[start:stop] = earned.reward.numpy(), earned.is_anomaly.numpy()
        self.done.episodes = len(self._seen)
        self.done.add(rewards[~resets], is_anomaly[~resets], None if paid is None else paid[~resets])
        return rewards

    def _enter(self, episode: Any, first: np.ndarray | None) -> None:
        if self._seen and episode == self._now:
            return
        if episode in self._seen:
            raise DataError(f"{self._where}: the rows of episode {episode!r} do not stand together: sort them first.")
        self._seen.add(episode)
        self._now, self._has_first = episode, first is not None
        self._stream = ScoreStream(self._model, monitor=self.monitor)
        if first is not None:
            self._stream.begin(first)


def _relabel_table(model: RewardModel, data: Path, out: Path, columns: DataColumns, note: dict[str, Any]) -> Relabelled:
    """Write a table with every cell as it was, but for the rewards; `note` goes to the metadata of a Parquet file.

    Raises:
        DataError: the data are damaged (`Table`) or do not fit the columns.
        ShapeError, OptionError: the model and the data do not belong together.
        MissingExtraError: pyarrow is not installed.
    """
    with ExitStack() as stack:
        log = stack.enter_context(Log(data, columns))
        table, roles = log.table, log.roles
        _check_episodes(data, roles, table.names)
        paid = next((name for name in (ORIGINAL, roles.reward) if name in table.names), None)
        earned_name = columns.reward or next((name for name in REWARDS if name in table.names), "reward")
        if model.columns is not None:
            model.columns.places(log.found, "the model", str(data))
        file = stack.enter_context(open_atomic(out))
        if isinstance(table, ParquetTable):
            metadata = {**(table.schema.metadata or {}), b"tsreward": json.dumps(note, sort_keys=True).encode()}
            write = stack.enter_context(_parquet_writer(file, metadata))
        else:
            write = _csv_writer(file)

        def put(cells: dict[str, Any], earned: np.ndarray) -> None:
            before = {} if paid is None else {ORIGINAL: cells[paid]}
            write({**cells, **before, earned_name: earned})

        if roles.layout == "transition" or columns.skip_bad_episodes:
            return _whole_episodes(model, log, data, put)
        rewards = _StepRewards(model, data, len(log.sensors), paid is not None)
        begun = 0
        for chunk in log.chunks(table.names):
            given = None if roles.reward is None else chunk.others[roles.reward].copy()
            names = chunk.episode or list(begun + np.cumsum(chunk.starts))
            begun += int(chunk.starts.sum())
            values = ordered(chunk.values, log.found, model.columns, "the model", str(data))
            values = model.in_order(masked(values, chunk.missing), str(data)).obs[1:]
            put(chunk.cells, rewards.push(names, values, given, chunk.breaks))
    rewards.monitor.finish()
    rewards.done.decided = roles.described
    return rewards.done


def masked(values: np.ndarray, missing: np.ndarray | None) -> Episode:
    """Return rows [T, D] as an episode, the missing values of which a model may fill in."""
    return Episode(np.concatenate([values[:1], values]), missing=missing)


def _check_episodes(data: Path, roles: Roles, names: Sequence[str]) -> None:
    if not roles.has_episodes and roles.step is None:
        raise DataError(
            f"{data} has no column 'episode', it has {', '.join(names[:20])}: name the one that tells the episodes "
            f"apart with --episode, or those that are 1 on their last rows with --done."
        )


def _whole_episodes(
    model: RewardModel, log: Log, data: Path, put: Callable[[dict[str, Any], np.ndarray], None]
) -> Relabelled:
    """Write a table whose rows need those around them, some whole episodes at a time."""
    done = Relabelled(original_reward=None if log.roles.reward is None else 0.0)
    monitor, before = Monitor(model, str(data)), 0
    for chunks in _blocks(log):
        rows = row_data(log.roles, joined([replace(chunk, cells={}) for chunk in chunks]), None, data)
        rows = replace(rows, before=before, begun=done.episodes + len(done.skipped))
        before += len(rows.obs)
        rewards, kept = relabel_rows(model, data, rows, log.columns.skip_bad_episodes, done, monitor)
        start = 0
        for chunk in chunks:
            part = slice(start, start := start + len(chunk.values))
            _put_some(put, chunk.cells, rewards[part], kept[part])
    done.check(data)
    monitor.finish()
    done.decided = log.roles.described
    return done


_BLOCK = 2**14
"""Rows of whole episodes that are relabelled together, at least."""


def _blocks(log: Log) -> Iterator[list[LogChunk]]:
    """Yield all rows of a log in order, in parts that end with an episode."""
    held, count = list[LogChunk](), 0
    for chunk in log.chunks(log.table.names):
        begun = np.flatnonzero(chunk.starts)
        if len(begun) and count + begun[-1] >= _BLOCK:
            rows = np.arange(len(chunk.values))
            yield [*held, chunk.take(rows[: begun[-1]])] if begun[-1] else held
            held, count, chunk = [], 0, chunk.take(rows[begun[-1] :])
        held, count = [*held, chunk], count + len(chunk.values)
    yield held


def _put_some(
    put: Callable[[dict[str, Any], np.ndarray], None], cells: dict[str, Any], rewards: np.ndarray, kept: np.ndarray
) -> None:
    import pyarrow

    if kept.any():
        mask = pyarrow.array(kept)
        put({name: rows.filter(mask) for name, rows in cells.items()}, rewards[kept])


def _csv_writer(file: BinaryIO) -> Callable[[dict[str, Any]], None]:
    write = csv_writer(lambda text: file.write(text.encode()))
    return lambda cells: write(
        {name: rows if isinstance(rows, np.ndarray) else rows.to_pylist() for name, rows in cells.items()}
    )


@contextmanager
def _parquet_writer(file: BinaryIO, metadata: dict[bytes, bytes]) -> Iterator[Callable[[dict[str, Any]], None]]:
    import pyarrow
    from pyarrow import parquet

    with ExitStack() as stack:
        writer = None

        def write(cells: dict[str, Any]) -> None:
            nonlocal writer
            made = pyarrow.table(cells).replace_schema_metadata(metadata)
            writer = writer or stack.enter_context(parquet.ParquetWriter(file, made.schema))
            writer.write_table(made)

        yield write
