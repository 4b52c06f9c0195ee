"""The frames of graded episodes, drawn from what was recorded: states of the simulator, or seeds and actions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsreward.agents.random_state import kept_random_state
from tsreward.data.graded import GradedEpisodes
from tsreward.envs.id_options import split_id
from tsreward.envs.make import make
from tsreward.envs.redrawing import render_states
from tsreward.episodes import Episode
from tsreward.errors import DataError, OptionError


def draw_episodes(graded: GradedEpisodes, size: int = 64, **options: Any) -> GradedEpisodes:
    """Return the same episodes with frames [T + 1, size, size, C] (uint8) as observations, bit for bit as seen live.

    Frames of dm_control are drawn from the states; an Atari game is played again, because its screen does not follow
    from its memory. `options` are those of `make` for frames: `grey`, and for dm_control `camera` and `rendering`.

    Raises:
        OptionError: the environment is neither of dm_control nor of Atari, or observes frames already.
        DataError: a game played again takes another course than the recorded one.
    """
    if not graded.env.startswith(("dmc/", "atari/")):
        raise OptionError(f"draw_episodes draws dm_control and Atari, got episodes of '{graded.env}'.")
    name, own = split_id(graded.env)
    if own.get("pixels") is not None or (name.startswith("atari/") and not {"ram", "frames"} & own.keys()):
        raise OptionError(f"Episodes of '{graded.env}' hold frames already: use them as they are.")
    if graded.states is not None and name != "dmc/quadruped-escape":
        frames = np.split(
            render_states(graded.env, np.concatenate(graded.states), size, **options),
            np.cumsum([len(states) for states in graded.states])[:-1],
        )
    else:
        frames = _played_again(graded, {"frames": size, **options})
    episodes = [replace(episode, obs=seen) for episode, seen in zip(graded.episodes, frames, strict=True)]
    return replace(graded, episodes=episodes)


def _played_again(graded: GradedEpisodes, options: dict[str, Any]) -> list[np.ndarray]:
    with kept_random_state():
        env = make(graded.env, graded.action_repeat, **options)
        try:
            return [
                _again(env, episode, int(seed), index)
                for index, (episode, seed) in enumerate(zip(graded.episodes, graded.seeds, strict=True))
            ]
        finally:
            env.close()


def _again(env: Any, episode: Episode, seed: int, index: int) -> np.ndarray:
    assert episode.actions is not None
    obs, info = env.reset(seed=seed)
    frames = np.empty((len(episode.obs), *info["frame"].shape), np.uint8)
    for step, wanted in enumerate(episode.obs):
        if step:
            obs, _, _, _, info = env.step(episode.actions[step - 1])
        if not np.array_equal(obs, wanted):
            raise DataError(
                f"Episode {index}, played again from its seed, differs at step {step}: draw it with the version of the "
                f"simulator that recorded it."
            )
        frames[step] = info["frame"]
    return frames
