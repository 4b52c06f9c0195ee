"""Minari datasets for tests."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Space

from tsreward.sequences.episodes import Episode

FLAT = Box(-np.inf, np.inf, (3,), np.float32)
IMAGES = Box(0, 255, (32, 32, 3), np.uint8)


def record(
    name: str,
    episodes: Sequence[Episode],
    space: Space = FLAT,
    observe: Any = lambda obs: obs,
    jpeg: bool = False,
    form: str = "hdf5",
    infos: dict[str, np.ndarray] | None = None,
) -> None:
    """Write a dataset below MINARI_DATASETS_PATH."""
    import minari
    from minari.data_collector import EpisodeBuffer

    buffers = [
        EpisodeBuffer(
            seed=index,
            observations=observe(episode.obs),
            actions=np.arange(len(episode)) % 2,  # type: ignore[arg-type]
            rewards=episode.rewards,  # type: ignore[arg-type]
            terminations=(np.arange(len(episode)) == len(episode) - 1) & episode.terminated,  # type: ignore[arg-type]
            truncations=(np.arange(len(episode)) == len(episode) - 1) & (not episode.terminated),  # type: ignore[arg-type]
            infos=infos or _infos(episode),
        )
        for index, episode in enumerate(episodes)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no author, no description
        minari.create_dataset_from_buffers(
            name, buffers, observation_space=space, action_space=Discrete(2), jpeg_encoding=jpeg, data_format=form
        )


def _infos(episode: Episode) -> dict[str, Any] | None:
    if episode.costs is None:
        return None
    return {"cost": [9.0, *episode.costs], "who": ["me"] * len(episode.obs)}


def as_dict(space: Space = FLAT) -> dict[str, Any]:
    """Return the arguments of `record` for observations in a Dict space."""
    return {"space": Dict({"place": space}), "observe": lambda obs: {"place": obs}}


def edit_metadata(folder: Path, **changes: Any) -> None:
    """Change entries of the metadata; None takes them out."""
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in metadata.items() if value is not None}))
