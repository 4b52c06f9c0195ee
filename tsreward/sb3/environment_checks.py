"""Whether an agent can be trained in an environment, found out before any training."""

from __future__ import annotations

import gymnasium
from gymnasium.spaces import Box, Discrete

from tsreward.envs.make import make
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError, ShapeError
from tsreward.sb3.agent_observations import for_agent, unsuited_part
from tsreward.sb3.algorithms import CONTINUOUS, DISCRETE
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.wrappers.obs_parts import ObsKey, ObsParts


def check_environment(
    env: str,
    algorithm: str | None = None,
    needs_cost: bool = False,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
) -> tuple[int, ...]:
    """Return the shape of one observation of the environment with this id, after making it and perhaps doing one step.

    Of a Dict or a Tuple it is the shape of what `obs_key` picks; None is all parts side by side.

    Raises:
        OptionError: there is no such environment, or `algorithm` cannot act in it.
        ShapeError: its observations are not arrays of numbers, or dicts and tuples of these.
        ProtocolError: its first step has no cost, or none that can be read, although `needs_cost`.
        MissingExtraError: a package that it needs is not installed.
    """
    made = for_agent(make(env))
    try:
        check_spaces(env, made.observation_space, made.action_space, algorithm)
        if needs_cost:
            with kept_random_state():
                made.reset(seed=0)
                made.action_space.seed(0)
                info = made.step(made.action_space.sample())[-1]
            CostReader(costs, needed=True).read(info, env)
        parts = ObsParts(env, made.observation_space, obs_key)
        if parts.space is not None:
            return parts.space.shape
        with kept_random_state():
            return parts.of_one(made.reset(seed=0)[0]).shape
    finally:
        made.close()


def check_spaces(env: str, obs: gymnasium.Space, action: gymnasium.Space, algorithm: str | None) -> None:
    """Check the spaces of an environment.

    Raises:
        OptionError: `algorithm` cannot act in it.
        ShapeError: its observations are not arrays of numbers, or dicts and tuples of these.
    """
    wrong = unsuited_part(obs)
    if wrong is not None:
        raise ShapeError(
            f"{env} gives observations {wrong}, which no agent of Stable-Baselines3 takes: put a wrapper round it that "
            f"makes arrays of numbers of them."
        )
    if algorithm in CONTINUOUS and not isinstance(action, Box):
        raise OptionError(f"{algorithm} needs continuous actions, but {env} has {action}: use ppo.")
    if algorithm in DISCRETE and not isinstance(action, Discrete):
        raise OptionError(f"{algorithm} needs discrete actions, but {env} has {action}: use ppo.")


def action_space(env: str) -> gymnasium.Space:
    """Return the actions of the environment of this id."""
    made = make(env)
    made.close()
    return made.action_space
