"""Minari datasets with the rewards of a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.columns import DataColumns
from tsreward.data.minari import ORIGINAL, MinariSource, import_minari, minari_folder, minari_id
from tsreward.data.relabelled import Relabelled, check_fit
from tsreward.errors import DataError, ShapeError
from tsreward.files import new_folder
from tsreward.options import flag
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.relabel import relabel_as_is, still

_NEW = {"dataset_id", "data_format", "jpeg_encoding", "total_episodes", "total_steps", "dataset_size", "minari_version"}
"""Metadata that the new dataset has its own of."""


def relabel_minari(
    model: RewardModel,
    source: str | Path,
    target: str | Path,
    note: dict[str, Any] | None = None,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
) -> Relabelled:
    """Write a dataset `target` (an id or a folder) that is `source` with the rewards of `model`, episode by episode.

    What the environment paid is in `infos["original_reward"]` [T + 1]; entry 0 belongs to the reset and is NaN. A
    dataset that was relabelled before is relabelled from there. `note`, JSON values, becomes the metadata "tsreward".
    Images are written without loss, whatever `source` does. At most one episode is in memory. `target` appears when all
    of it is written.

    Args:
        model: a fitted model.
        source, target: ids or folders of datasets.
        note: JSON values.
        columns: its `obs` chooses keys of a Dict space, `skip_bad_episodes` leaves out episodes that cannot be used.

    Raises:
        DataError: `target` exists already, or the data cannot be used (`load_minari`).
        ShapeError: observations of another shape than the model's.
        MissingExtraError: minari is not installed.
    """
    minari = import_minari()
    data, done = MinariSource(source, columns), Relabelled(original_reward=0.0)
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
        kept = [index for index in range(len(data)) if index not in done.skipped]
        rest = data.dataset.storage.get_episode_metadata(kept)
        storage.update_episode_metadata(
            [{key: value for key, value in each.items() if key not in _HELD} for each in rest]
        )
    return done


_HELD = {"id", "total_steps", "seed", "options"}
"""Metadata of an episode that its buffer carries."""


def _buffers(model: RewardModel, data: MinariSource, done: Relabelled) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    model, monitor = still(model), Monitor(model, f"Minari dataset {data.name}")
    metadata = iter(data.dataset.storage.get_episode_metadata(range(len(data))))
    for index, held in enumerate(metadata):
        try:
            recorded = data.read(index)
            episode, raw = recorded.episode, recorded.raw
            if len(episode) != len(raw.rewards) or not episode.first_known:
                raise DataError(
                    f"Episode {index} of Minari dataset {data.name} has no observation more than rewards, so that it "
                    f"cannot be written anew: drop that episode"
                )
        except (DataError, ShapeError) as error:
            skip = "skip_bad_episodes"
            if not data.columns.skip_bad_episodes:
                raise DataError(f"{str(error).rstrip('.')}: {flag(skip)} leaves it out.") from error
            done.skipped[index] = str(error)
            continue
        frames, shape = data.columns.frames, episode.obs.shape[1:]
        shape = model.shape_read(shape, episode.obs.dtype.kind == "f", frames)
        check_fit(model, shape, f"Minari dataset {data.name}")
        earned = relabel_as_is(model, [episode], frames, monitor)[0]
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
    monitor.finish()


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
