"""What a fitted pipeline must know of an environment before it runs: the observation's shape and its lidar rings."""

from __future__ import annotations

from tsreward.envs.lidar import lidar_groups
from tsreward.envs.make import make


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
