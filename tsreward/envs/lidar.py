"""What the entries of an observation are: lidar groups of Safety-Gymnasium."""

from __future__ import annotations

import gymnasium
from gymnasium.spaces import Dict, flatdim

from tsreward.envs.make import make
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


def describe(env: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Return (shape of one observation, columns of every lidar ring) of the environment with this id.

    >>> describe("CartPole-v1")
    ((4,), ())
    """
    made = make(env)
    try:
        return tuple(made.observation_space.shape or ()), tuple(lidar_groups(made))
    finally:
        made.close()
