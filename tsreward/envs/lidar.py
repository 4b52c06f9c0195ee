"""Which columns of a flat Safety-Gymnasium observation belong to one ring of lidar bins that may be sorted."""

import gymnasium
from gymnasium.spaces import Dict, flatdim

from tsreward.errors import ShapeError

LANDMARKS = ("circle_lidar",)
"""Rings of things that never move: with the compass, their bearing says where the agent is; sorting would lose it."""


def lidar_groups(env: gymnasium.Env) -> list[tuple[int, int]]:
    """Return the (start, stop) columns of every lidar ring of movable objects in `env`'s observation.

    A ring holds the closeness of one kind of object in equal angles around the agent, so to sort the columns
    `start:stop` of an observation makes it independent of where the agent looks. The rings are read off the
    environment's own named observation space, in the order in which the environment flattens it.

    Raises ShapeError where a wrapper has changed the columns of the observation.

    >>> from tsreward.envs.make import make
    >>> lidar_groups(make("SafetyPointGoal1-v0"))  # the goal, hazards, vases
    [(12, 28), (28, 44), (44, 60)]
    """
    named = getattr(env.unwrapped, "obs_space_dict", None)
    if not isinstance(named, Dict):
        return []
    groups, start = [], 0
    for name, space in named.spaces.items():
        stop = start + flatdim(space)
        if name.endswith("_lidar") and name not in LANDMARKS:
            groups.append((start, stop))
        start = stop
    if env.observation_space.shape != (start,):
        raise ShapeError(
            f"lidar_groups expects the flat observation [{start}] of {env}, got {env.observation_space.shape}: "
            "ask before the observation is wrapped."
        )
    return groups
