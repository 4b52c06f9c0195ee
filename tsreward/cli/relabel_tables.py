"""CSV and Parquet files of recorded steps with the rewards of a model, in memory that does not grow with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsreward.cli.score import csv_writer
from tsreward.data.csv_rows import CsvRows
from tsreward.data.minari import ORIGINAL, Relabelled
from tsreward.errors import DataError, OptionError, ShapeError, missing_extra
from tsreward.files import open_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.streaming import ScoreStream

ROWS = 8192
"""Rows of a Parquet file that are held at once."""


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
            scores = self._stream.push(values[start:stop])
            part = None if paid is None else torch.from_numpy(paid[start:stop])
            earned = self._model.mode(torch.from_numpy(scores.score), torch.from_numpy(scores.p_value), part)
            rewards[start:stop] = earned.numpy()
            self.done.flagged += int(scores.is_anomaly.sum())
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


def relabel_csv(model: RewardModel, data: Path, out: Path, columns: StepColumns) -> tuple[Relabelled, bool]:
    """Write a CSV file with every cell as it was, but for the rewards; return sums, and whether it had rewards.

    Raises:
        DataError: the data are damaged (`CsvRows`) or do not fit the columns.
        ShapeError, OptionError: the model and the data do not belong together.
    """
    with ExitStack() as stack:
        # The file is read twice at once: as numbers, and as the text that stands in it.
        numbers, texts = stack.enter_context(CsvRows(data)), stack.enter_context(CsvRows(data))
        names = texts.names
        observed, paid = columns.observed(data, names), columns.paid(names)
        rewards = StepRewards(model, data, len(observed), paid is not None)
        file = stack.enter_context(open_atomic(out))
        write = csv_writer(lambda text: file.write(text.encode()))
        read = numbers.chunks([*observed, *([] if paid is None else [paid])])
        for values, cells in zip(read, texts.chunks([], names), strict=True):
            table: dict[str, Any] = dict(zip(names, cells.texts, strict=True))
            given = None if paid is None else values.numbers[:, -1].copy()
            earned = rewards.push(table[columns.episode], values.numbers[:, : len(observed)], given)
            if paid is not None:
                table[ORIGINAL] = table[paid]
            table[columns.reward] = earned
            write(table)
    return rewards.done, paid is not None


def relabel_parquet(
    model: RewardModel, data: Path, out: Path, columns: StepColumns, note: dict[str, Any]
) -> tuple[Relabelled, bool]:
    """Write a Parquet file with every column as it was, but for the rewards; `note` goes to its metadata "tsreward".

    Return sums, and whether it had rewards.

    Raises:
        DataError: the data are damaged or do not fit the columns.
        ShapeError, OptionError: the model and the data do not belong together.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("pyarrow", "logs") from error
    try:
        # An open file, so that a path is never taken for an address.
        with data.open("rb") as source:
            file = pyarrow.parquet.ParquetFile(source)
            if not file.metadata.num_rows:
                raise DataError(f"{data} has no row.")
            names = file.schema_arrow.names
            observed, paid = columns.observed(data, names), columns.paid(names)
            rewards = StepRewards(model, data, len(observed), paid is not None)
            metadata = {**(file.schema_arrow.metadata or {}), b"tsreward": json.dumps(note, sort_keys=True).encode()}
            with open_atomic(out) as target, ExitStack() as stack:
                writer = None
                for batch in file.iter_batches(ROWS):
                    given = None if paid is None else _numbers(data, batch, [paid])[:, 0]
                    table = {name: batch.column(name) for name in names}
                    values = _numbers(data, batch, observed)
                    earned = rewards.push(batch.column(columns.episode).to_pylist(), values, given)
                    if paid is not None:
                        table[ORIGINAL] = batch.column(paid)
                    table[columns.reward] = pyarrow.array(earned)
                    made = pyarrow.table(table).replace_schema_metadata(metadata)
                    writer = writer or stack.enter_context(pyarrow.parquet.ParquetWriter(target, made.schema))
                    writer.write_table(made)
            return rewards.done, paid is not None
    except FileNotFoundError as error:
        raise DataError(f"There is no file {data}.") from error
    except pyarrow.ArrowException as error:
        raise DataError(f"{data} cannot be read as Parquet ({' '.join(str(error).split())[:200]}).") from error


def _numbers(where: Path, batch: Any, names: Sequence[str]) -> np.ndarray:
    """Return columns [T, D] in float64."""
    columns: Iterator[np.ndarray] = (_number(where, name, batch.column(name)) for name in names)
    return np.stack(list(columns), axis=1)


def _number(where: Path, name: str, column: Any) -> np.ndarray:
    kind = str(column.type)
    if not kind.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal")):
        raise DataError(f"{where}: column '{name}' must hold numbers, found {kind}: leave it out with --ignore.")
    values = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)][0]
        raise DataError(f"{where}: column '{name}' must hold finite numbers, found {bad}: fill or drop those rows.")
    return values
