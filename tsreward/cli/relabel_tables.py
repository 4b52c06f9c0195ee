"""CSV and Parquet files of recorded steps with the rewards of a model, in memory that does not grow with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from tsreward.cli.score import csv_writer
from tsreward.data.minari import ORIGINAL, Relabelled
from tsreward.data.tables import ParquetTable, open_table
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.files import open_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import ScoreStream


@dataclass(frozen=True)
class StepColumns:
    """What the columns of a CSV or Parquet file of steps are; those that are not named here are the observation."""

    episode: str = "episode"
    """Tells the episodes apart; the rows of each stand together, in order."""
    reward: str = "reward"
    """What the environment paid for arriving at the row's observation; a model that needs none does without."""
    ignore: tuple[str, ...] = ()
    """Kept as they are, and not read: actions, costs, time stamps."""

    def observed(self, where: Path, names: Sequence[str]) -> list[str]:
        """Return the columns of the observation.

        Raises:
            DataError: a named column is missing, or none is left.
        """
        for name in (self.episode, *self.ignore):
            if name not in names:
                raise DataError(
                    f"{where} has no column '{name}', it has {', '.join(names[:20])}: name the one that tells the "
                    f"episodes apart with --episode, and those that are no part of the observation with --ignore."
                )
        left = [name for name in names if name not in (self.episode, self.reward, ORIGINAL, *self.ignore)]
        if not left:
            raise DataError(f"{where} has no column left that could be the observation: keep at least one.")
        return left

    def paid(self, names: Sequence[str]) -> str | None:
        """Return the column of the environment's rewards: the original one where the file was relabelled before."""
        return next((name for name in (ORIGINAL, self.reward) if name in names), None)


class StepRewards:
    """The rewards of a table, chunk after chunk: windows begin anew where the episode changes."""

    def __init__(self, model: RewardModel, where: Path, width: int, paid: bool) -> None:
        if model.obs_shape != (width,):
            raise ShapeError(
                f"The model reads observations {list(model.obs_shape)}, but {where} holds [{width}]: leave out columns "
                f"that are no part of the observation with --ignore."
            )
        if not paid and not model.mode.replaces:
            raise OptionError(
                f"{where} has no rewards, and the mode of the model lowers those of the environment: name their column "
                f"with --reward, or fit a model with --mode likeness."
            )
        self.done = Relabelled()
        self._model, self._where = model, where
        self._seen: set[Any] = set()
        self._now: Any = None
        self._stream = ScoreStream(model)

    def push(self, episodes: Sequence[Any], values: np.ndarray, paid: np.ndarray | None) -> np.ndarray:
        """Return rewards [T] of the next rows: the episode of each, observations [T, D] and rewards [T].

        Raises:
            DataError: the rows of an episode do not stand together, or NaN or inf.
        """
        rewards = np.empty(len(values))
        borders = [row for row in range(1, len(values)) if episodes[row] != episodes[row - 1]]
        for start, stop in zip([0, *borders], [*borders, len(values)], strict=True):
            self._enter(episodes[start])
            part = None if paid is None else torch.from_numpy(paid[start:stop])
            earned = self._stream.reward(torch.from_numpy(values[start:stop]), part)
            rewards[start:stop] = earned.reward.numpy()
            self.done.flagged += int(earned.is_anomaly.sum())
        self.done.episodes = len(self._seen)
        self.done.steps += len(values)
        self.done.reward += float(rewards.sum())
        self.done.original_reward += 0.0 if paid is None else float(paid.sum())
        return rewards

    def _enter(self, episode: Any) -> None:
        if self._seen and episode == self._now:
            return
        if episode in self._seen:
            raise DataError(f"{self._where}: the rows of episode {episode!r} do not stand together: sort them first.")
        self._seen.add(episode)
        self._now, self._stream = episode, ScoreStream(self._model)


def relabel_table(
    model: RewardModel, data: Path, out: Path, columns: StepColumns, note: dict[str, Any]
) -> tuple[Relabelled, bool]:
    """Write a table with every cell as it was, but for the rewards; return sums, and whether it had rewards.

    `note` goes to the metadata "tsreward" of a Parquet file.

    Raises:
        DataError: the data are damaged (`Table`) or do not fit the columns.
        ShapeError, OptionError: the model and the data do not belong together.
        MissingExtraError: pyarrow is not installed.
    """
    with ExitStack() as stack:
        table = stack.enter_context(open_table(data))
        observed, paid = columns.observed(data, table.names), columns.paid(table.names)
        rewards = StepRewards(model, data, len(observed), paid is not None)
        file = stack.enter_context(open_atomic(out))
        if isinstance(table, ParquetTable):
            metadata = {**(table.schema.metadata or {}), b"tsreward": json.dumps(note, sort_keys=True).encode()}
            write = stack.enter_context(_parquet_writer(file, metadata))
        else:
            write = _csv_writer(file)
        for rows in table.chunks([*observed, *([] if paid is None else [paid])], table.names):
            given = None if paid is None else rows.numbers[:, -1].copy()
            earned = rewards.push(rows.texts(columns.episode), rows.numbers[:, : len(observed)], given)
            before = {} if paid is None else {ORIGINAL: rows.cells[paid]}
            write({**rows.cells, **before, columns.reward: earned})
    return rewards.done, paid is not None


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
