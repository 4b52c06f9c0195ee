"""A Minari dataset with learned rewards, as a new dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.minari import ORIGINAL, MinariSource, import_minari, minari_folder, minari_id
from tsreward.data.new_folder import new_folder
from tsreward.errors import ShapeError
from tsreward.model import RewardModel
from tsreward.relabelling import relabel

_NEW = {"dataset_id", "data_format", "jpeg_encoding", "total_episodes", "total_steps", "dataset_size", "minari_version"}
"""Metadata that the new dataset has its own of."""


@dataclass
class Relabelled:
    """Sums over what was written."""

    episodes: int = 0
    steps: int = 0
    flagged: int = 0
    reward: float = 0.0
    original_reward: float = 0.0


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
    data, done = MinariSource(source), Relabelled()
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
        (earned,) = relabel(model, [episode])
        original = np.asarray(episode.rewards, np.float64)
        done.episodes += 1
        done.steps += len(episode)
        done.flagged += int(earned.flagged.sum())
        done.reward += float(earned.reward.sum())
        done.original_reward += float(original.sum())
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
