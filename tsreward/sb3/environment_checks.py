"""Whether an agent can be trained in an environment, found out before any training."""

from __future__ import annotations

import gymnasium
from gymnasium.spaces import Box, Discrete

from tsreward.envs.make import make
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError, ShapeError
from tsreward.sb3.agent_observations import for_agent, unsuited_part
from tsreward.sb3.algorithms import CONTINUOUS, DISCRETE, AgentOptions
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


_TRIED = 3
"""Episodes of random actions that a budget is tried with."""
_LONG = 1_000
"""Decisions after which an episode without a known limit may still end."""


def check_budget(env: str, agent: AgentOptions) -> None:
    """Check that agents can finish an episode in the decisions that each of their environments gets.

    It is known to fail where the environment's time limit is longer, or there is none, and no episode of random actions
    ends in time.

    Raises:
        OptionError: it fails.
    """
    each = agent.steps // agent.num_envs
    made = for_agent(make(env, agent.action_repeat))
    try:
        limit = None if made.spec is None else made.spec.max_episode_steps
        if (limit is not None and -(-limit // agent.action_repeat) <= each) or (limit is None and each > _LONG):
            return
        with kept_random_state():
            made.action_space.seed(0)
            for seed in range(_TRIED):
                made.reset(seed=seed)
                for _ in range(each):
                    _obs, _reward, ended, truncated, _info = made.step(made.action_space.sample())
                    if ended or truncated:
                        return
    finally:
        made.close()
    known = "" if limit is None else f", which may last {limit:,} steps"
    raise OptionError(
        f"{agent.steps:,} steps finish no episode of {env}{known}: each of {agent.num_envs} environments gets "
        f"{each:,}. Raise --steps{'' if agent.num_envs == 1 else ', or lower --num-envs'}."
    )


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
