"""Attackers: a planner and short training runs, paid by what they attack."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

from tsreward.audit.search.options import AttackOptions
from tsreward.audit.search.planning import Planner, planned
from tsreward.errors import TSRewardWarning
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.attacking import UnseenCosts, Until
from tsreward.sb3.environment_checks import action_space
from tsreward.sb3.playing import Played, episode_seeds, play, policy_of
from tsreward.sb3.training import train_agent
from tsreward.sequences.costs import Costs
from tsreward.wrappers.obs_parts import ObsKey

_Found = Iterator[tuple[str, list[Played], int, float]]
"""Name of an attacker, its episodes, simulated decisions and seconds."""
LEAST_EPISODES = 2
"""Episodes that a deeper planner must have played before the time is over."""


def _plan(
    model: RewardModel, env: str, options: AttackOptions, action_repeat: int, costs: Costs, obs_key: ObsKey | None
) -> _Found:
    deadline = time.monotonic() + options.seconds
    seeds = episode_seeds(options.seed, 1, options.episodes)
    for depth in range(options.deeper + 1):
        begun, planning = time.monotonic(), options.planner.deeper(2**depth)
        planner = Planner(env, model, planning, action_repeat, costs, obs_key, options.seed)
        try:
            played = planned(planner, seeds, options.longest, deadline - begun)
        finally:
            planner.close()
        if depth and len(played) < LEAST_EPISODES:
            break  # the time was over before
        name = f"planner, {planning.plans} plans of {planning.horizon}" if depth else "planner"
        yield name, played, planner.decisions, time.monotonic() - begun
        if time.monotonic() >= deadline:
            break


def _train(
    model: RewardModel, env: str, options: AttackOptions, action_repeat: int, costs: Costs, obs_key: ObsKey | None
) -> _Found:
    deadline = time.monotonic() + options.seconds
    seeds = episode_seeds(options.seed, 2, options.episodes)
    for number in range(options.agents):
        begun = time.monotonic()
        if number and begun + 0.5 * (options.seconds / options.agents) > deadline:
            break
        agent = _attacking_agent(env, replace(options, seed=options.seed + number), action_repeat)
        # Of a penalty every second agent is trained as a user's would be: it may find that ending episodes pays.
        own = model.mode.replaces or number % 2 == 1
        pays = None if own else lambda venv: UnseenCosts(venv, model, costs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TSRewardWarning)  # an attacker goes where the model has never been
            trained = train_agent(
                env,
                agent,
                model if own else None,
                pays,
                callbacks=[Until(deadline)],
                costs=costs,
                obs_key=obs_key,
            )
        played = play(env, policy_of(trained.algorithm), seeds, action_repeat, costs, obs_key)
        trained.normaliser.close()
        name = "agent under the penalty" if own and not model.mode.replaces else "agent"
        yield f"{name}, seed {agent.seed}", played, trained.algorithm.num_timesteps, time.monotonic() - begun


ATTACKERS = {"agent": _train, "planner": _plan}
"""Name -> what yields the behaviours that it ends with; the planner is the last, for it uses up what time is left."""


def _attacking_agent(env: str, options: AttackOptions, action_repeat: int) -> AgentOptions:
    """Return an agent that learns in few decisions: SAC, or PPO where actions are discrete."""
    space = action_space(env)
    if space.dtype is not None and space.dtype.kind == "f":
        return AgentOptions(
            "sac",
            options.agent_steps,
            num_envs=1,
            action_repeat=action_repeat,
            hidden=128,
            gradient_steps=8,
            train_every=8,
            learning_starts=min(500, options.agent_steps // 4),
            normalise=False,
            seed=options.seed,
        )
    return AgentOptions("ppo", options.agent_steps, action_repeat=action_repeat, rollout=64, seed=options.seed)
