"""Recorded data with the rewards of a model: NPZ files of episodes, tables of steps, Minari datasets."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import episodes_from
from tsreward.data.minari import (
    ORIGINAL,
    MinariSource,
    import_minari,
    is_minari,
    minari_folder,
    minari_id,
    minari_source,
)
from tsreward.data.tables import ParquetTable, csv_writer, open_table
from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.files import new_folder, open_atomic, write_atomic
from tsreward.options import Options
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel, still
from tsreward.pipeline.scores import ScoreStream
from tsreward.sequences.columns import Columns


@dataclass
class Relabelled:
    """Sums over what was written."""

    episodes: int = 0
    steps: int = 0
    flagged: int = 0
    """Steps whose score passes the threshold."""
    reward: float = 0.0
    original_reward: float | None = None
    """Sum of the environment's rewards; None where the data has none."""

    def add(self, reward: np.ndarray, is_anomaly: np.ndarray, paid: np.ndarray | None) -> None:
        """Count steps with learned rewards [T], flags [T] and rewards of the environment [T]."""
        self.steps += len(reward)
        self.flagged += int(is_anomaly.sum())
        self.reward += float(reward.sum())
        if paid is not None and self.original_reward is not None:
            self.original_reward += float(paid.sum())


@dataclass(frozen=True)
class StepColumns(Options):
    """What the columns of a CSV or Parquet file of steps are; those that are not named here are the observation."""

    episode_column: str = "episode"
    """Tells the episodes apart; the rows of each stand together, in order."""
    reward_column: str = "reward"
    """What the environment paid for arriving at the row's observation; a model that needs none does without."""
    ignore: tuple[str, ...] = ()
    """Kept as they are, and not read: actions, costs, time stamps."""

    def observed(self, where: Path, names: Sequence[str]) -> list[str]:
        """Return the columns of the observation.

        Raises:
            DataError: a named column is missing, or none is left.
        """
        for name in (self.episode_column, *self.ignore):
            if name not in names:
                raise DataError(
                    f"{where} has no column '{name}', it has {', '.join(names[:20])}: name the one that tells the "
                    f"episodes apart with --episode-column, and those that are not observed with --ignore."
                )
        left = [name for name in names if name not in (self.episode_column, self.reward_column, ORIGINAL, *self.ignore)]
        if not left:
            raise DataError(f"{where} has no column left that could be the observation: keep at least one.")
        return left

    def paid(self, names: Sequence[str]) -> str | None:
        """Return the column of the environment's rewards: the original one where the file was relabelled before."""
        return next((name for name in (ORIGINAL, self.reward_column) if name in names), None)


def relabel_file(
    model: RewardModel,
    source: Path,
    target: Path,
    columns: StepColumns = StepColumns(),
    note: dict[str, Any] | None = None,
    multiplier: float | None = None,
) -> Relabelled:
    """Write `source` with the rewards of `model` as `target`, which appears when all of it is written.

    The environment's rewards are kept beside the learned ones: in the array original_rewards (.npz), the column
    original_reward (tables) or `infos["original_reward"]` (Minari). Data that was relabelled before is relabelled from
    those. Tables and Minari datasets are relabelled in bounded memory (Minari: that of the longest episode).

    Args:
        model: a fitted model.
        source: a file of `save_episodes`, a table of steps (.csv, .csv.gz, .parquet), or minari:ID, minari:./FOLDER.
        target: of the same kind as `source`; tables are not compressed.
        columns: what the columns of a table are.
        note: JSON values for the metadata: the array metadata (.npz), the metadata tsreward (Parquet, Minari), or a
            file beside the table, FILE.json (CSV).
        multiplier: the weight of a `Lagrangian`, which no agent's training moves here.

    Raises:
        ProtocolError: a mode that moves while an agent trains, without a multiplier.
        OptionError: files of other kinds, or the model lowers rewards of the environment, and there are none.
        DataError: the data are damaged or do not fit the columns, or `target` cannot be written.
        ShapeError: observations of another shape than the model's.
        MissingExtraError: minari is not installed.
    """
    kind, note = relabelled_kind(source, target, columns), note or {}
    model = still(model, multiplier)
    if kind == "minari":
        return relabel_minari(model, minari_source(source), minari_source(target), note)
    if kind == "npz":
        return _relabel_npz(model, source, target, note)
    done = _relabel_table(model, source, target, columns, note)
    if kind == "csv":
        write_atomic(Path(f"{target}.json"), (json.dumps(note, sort_keys=True, indent=2) + "\n").encode())
    return done


def relabelled_kind(source: Path, target: Path, columns: StepColumns = StepColumns()) -> str:
    """Return what both are: npz, csv, parquet or minari.

    Raises:
        OptionError: another kind, not the same one, or columns of what is no table.

    >>> relabelled_kind(Path("a.csv.gz"), Path("b.csv"))
    'csv'
    """
    kinds = [_kind(path) for path in (source, target)]
    if kinds[0] is None or kinds[0] != kinds[1] or target.suffix.lower() == ".gz":
        raise OptionError(
            f"relabel reads and writes files that end with .npz, .csv or .parquet, or minari:ID, both of one kind, got "
            f"{source} and {target}."
        )
    if kinds[0] in ("npz", "minari") and columns != StepColumns():
        raise OptionError(f"{source} has no columns: --episode-column, --reward-column and --ignore are about tables.")
    return kinds[0]


def _kind(path: Path) -> str | None:
    if is_minari(path):
        return "minari"
    endings = {".npz": "npz", ".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
    return next((kind for ending, kind in endings.items() if path.name.lower().endswith(ending)), None)


def _relabel_npz(model: RewardModel, source: Path, target: Path, note: dict[str, Any]) -> Relabelled:
    arrays = read_arrays(source)
    arrays.pop("metadata", None)
    if "original_rewards" in arrays:
        arrays["rewards"] = arrays.pop("original_rewards")
    episodes = [model.in_order(episode, str(source)) for episode in episodes_from(arrays, source)]
    if (found := episodes[0].obs.shape[1:]) != model.obs_shape:
        remedy = picture_remedy(model.obs_shape, found) or "relabel data of the kind that the model was fitted on"
        raise ShapeError(
            f"The model reads observations {list(model.obs_shape)}, but {source} holds {list(found)}: {remedy}."
        )
    paid = arrays.get("rewards")
    if not model.mode.replaces and paid is None:
        raise OptionError(
            f"{source} has no rewards, and the mode of the model lowers those of the environment: record them, or fit "
            f"a model with --reward likeness."
        )
    earned = relabel(model, episodes)
    arrays["rewards"] = np.concatenate([steps.reward.numpy() for steps in earned])
    done = Relabelled(len(episodes), original_reward=None if paid is None else 0.0)
    done.add(arrays["rewards"], np.concatenate([steps.is_anomaly.numpy() for steps in earned]), paid)
    if paid is not None:
        arrays["original_rewards"] = paid
    arrays["metadata"] = np.frombuffer(json.dumps(note, sort_keys=True).encode("ascii"), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(target, buffer.getvalue())
    return done


class _StepRewards:
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
                f"with --reward-column, or fit a model with --reward likeness."
            )
        self.done = Relabelled(original_reward=0.0 if paid else None)
        self._model, self._where = model, where
        self._seen: set[Any] = set()
        self._now: Any = None
        self._stream = ScoreStream(model)

    def push(self, episodes: Sequence[Any], values: np.ndarray, paid: np.ndarray | None) -> np.ndarray:
        """Return rewards [T] of the next rows: the episode of each, observations [T, D] and rewards [T].

        Raises:
            DataError: the rows of an episode do not stand together, or NaN or inf.
        """
        rewards, is_anomaly = np.empty(len(values)), np.empty(len(values), bool)
        borders = [row for row in range(1, len(values)) if episodes[row] != episodes[row - 1]]
        for start, stop in zip([0, *borders], [*borders, len(values)], strict=True):
            self._enter(episodes[start])
            part = None if paid is None else torch.from_numpy(paid[start:stop])
            earned = self._stream.reward(torch.from_numpy(values[start:stop]), part)
            rewards[start:stop], is_anomaly[start:stop] = earned.reward.numpy(), earned.is_anomaly.numpy()
        self.done.episodes = len(self._seen)
        self.done.add(rewards, is_anomaly, paid)
        return rewards

    def _enter(self, episode: Any) -> None:
        if self._seen and episode == self._now:
            return
        if episode in self._seen:
            raise DataError(f"{self._where}: the rows of episode {episode!r} do not stand together: sort them first.")
        self._seen.add(episode)
        self._now, self._stream = episode, ScoreStream(self._model)


def _relabel_table(model: RewardModel, data: Path, out: Path, columns: StepColumns, note: dict[str, Any]) -> Relabelled:
    """Write a table with every cell as it was, but for the rewards; `note` goes to the metadata of a Parquet file.

    Raises:
        DataError: the data are damaged (`Table`) or do not fit the columns.
        ShapeError, OptionError: the model and the data do not belong together.
        MissingExtraError: pyarrow is not installed.
    """
    with ExitStack() as stack:
        table = stack.enter_context(open_table(data))
        observed, paid = columns.observed(data, table.names), columns.paid(table.names)
        if model.columns is not None:
            found = Columns(tuple(observed))
            observed = [observed[place] for place in model.columns.places(found, "the model", str(data))]
        rewards = _StepRewards(model, data, len(observed), paid is not None)
        file = stack.enter_context(open_atomic(out))
        if isinstance(table, ParquetTable):
            metadata = {**(table.schema.metadata or {}), b"tsreward": json.dumps(note, sort_keys=True).encode()}
            write = stack.enter_context(_parquet_writer(file, metadata))
        else:
            write = _csv_writer(file)
        for rows in table.chunks([*observed, *([] if paid is None else [paid])], table.names):
            given = None if paid is None else rows.numbers[:, -1].copy()
            earned = rewards.push(rows.texts(columns.episode_column), rows.numbers[:, : len(observed)], given)
            before = {} if paid is None else {ORIGINAL: rows.cells[paid]}
            write({**rows.cells, **before, columns.reward_column: earned})
    return rewards.done


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


_NEW = {"dataset_id", "data_format", "jpeg_encoding", "total_episodes", "total_steps", "dataset_size", "minari_version"}
"""Metadata that the new dataset has its own of."""


def relabel_minari(
    model: RewardModel, source: str | Path, target: str | Path, note: dict[str, Any] | None = None
) -> Relabelled:
    """Write a dataset `target` (an id or a folder) that is `source` with the rewards of `model`, episode by episode.

    What the environment paid is in `infos["original_reward"]` [T + 1]; entry 0 belongs to the reset and is NaN. A
    dataset that was relabelled before is relabelled from there. `note`, JSON values, becomes the metadata "tsreward".
    Images are written without loss, whatever `source` does. At most one episode is in memory. `target` appears when all
    of it is written.

    Raises:
        DataError: `target` exists already, or the data cannot be used (`load_minari`).
        ShapeError: observations of another shape than the model's.
        MissingExtraError: minari is not installed.
    """
    minari = import_minari()
    data, done = MinariSource(source), Relabelled(original_reward=0.0)
    name = minari_id(target)
    from minari.dataset.minari_storage import MinariStorage

    with new_folder(minari_folder(target)) as temporary:
        storage = MinariStorage.new(
            temporary / "data",
            data.dataset.observation_space,
            data.dataset.action_space,
            data_format="hdf5",
            jpeg_encoding=False,
        )
        storage.update_metadata(
            {key: _set(key, value) for key, value in data.metadata.items() if key not in _NEW | storage.metadata.keys()}
            | {"dataset_id": name, "minari_version": minari.__version__, "tsreward": note or {}}
        )
        storage.update_episodes(_buffers(model, data, done))
        rest = data.dataset.storage.get_episode_metadata(range(len(data)))
        storage.update_episode_metadata(
            [{key: value for key, value in each.items() if key not in _HELD} for each in rest]
        )
    return done


_HELD = {"id", "total_steps", "seed", "options"}
"""Metadata of an episode that its buffer carries."""


def _buffers(model: RewardModel, data: MinariSource, done: Relabelled) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    metadata = iter(data.dataset.storage.get_episode_metadata(range(len(data))))
    for recorded, held in zip(data.recorded(), metadata, strict=True):
        episode, raw = recorded.episode, recorded.raw
        if episode.obs.shape[1:] != model.obs_shape:
            raise ShapeError(
                f"The model reads observations {list(model.obs_shape)}, but Minari dataset {data.name} holds "
                f"{list(episode.obs.shape[1:])}: relabel data of the kind that the model was fitted on."
            )
        earned = relabel(model, episode)
        original = np.asarray(episode.rewards, np.float64)
        done.episodes += 1
        done.add(earned.reward.numpy(), earned.is_anomaly.numpy(), original)
        yield EpisodeBuffer(
            seed=held.get("seed"),
            options=held.get("options"),
            observations=raw.observations,
            actions=raw.actions,
            rewards=earned.reward.numpy(),  # type: ignore[arg-type] - minari writes any sequence
            terminations=raw.terminations,
            truncations=raw.truncations,
            infos=_text(raw.infos or {}) | {ORIGINAL: np.concatenate([[np.nan], original])},
        )


def _text(infos: dict[str, Any]) -> dict[str, Any]:
    """Return infos whose texts can be written again: what reads them gives bytes in arrays."""
    return {
        key: _text(value)
        if isinstance(value, dict)
        else [entry.decode() if isinstance(entry, bytes) else str(entry) for entry in value]
        if isinstance(value, np.ndarray) and value.dtype.kind in "OU"
        else value
        for key, value in infos.items()
    }


def _set(key: str, value: Any) -> Any:
    return set(value) if key in ("author", "author_email") else value
