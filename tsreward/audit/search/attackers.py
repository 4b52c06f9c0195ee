"""Attackers: a planner and short training runs, paid by what they attack, one after the other or side by side."""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tsreward.audit.search.options import AttackOptions
from tsreward.audit.search.planning import Planner, planned
from tsreward.data.episodes import load_episodes, save_episodes
from tsreward.distributed.running import PlaceOptions, run_works
from tsreward.errors import OptionError, TSRewardError, TSRewardWarning
from tsreward.io import load, save
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.attacking import UnseenCosts, Until
from tsreward.sb3.environment_checks import action_space
from tsreward.sb3.playing import Played, episode_seeds, play, policy_of
from tsreward.sb3.training import train_agent
from tsreward.sequences.costs import Costs
from tsreward.wrappers.obs_parts import ObsKey


class Attack(NamedTuple):
    """What an attacker ended with."""

    attacker: str
    played: list[Played]
    decisions: int
    """Decisions that were simulated."""
    seconds: float


LEAST_EPISODES = 2
"""Episodes that a deeper planner must have played before the time is over."""


def _plan(
    model: RewardModel, env: str, options: AttackOptions, action_repeat: int, costs: Costs, obs_key: ObsKey | None
) -> Iterator[Attack]:
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
        yield Attack(name, played, planner.decisions, time.monotonic() - begun)
        if time.monotonic() >= deadline:
            break


def _train(
    model: RewardModel, env: str, options: AttackOptions, action_repeat: int, costs: Costs, obs_key: ObsKey | None
) -> Iterator[Attack]:
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
        name = f"{name}, seed {agent.seed}"
        yield Attack(name, played, trained.algorithm.num_timesteps, time.monotonic() - begun)


ATTACKERS = {"agent": _train, "planner": _plan}
"""Name -> what yields the behaviours that it ends with; the planner is the last, for it uses up what time is left."""


def attacks(
    model: RewardModel,
    env: str,
    options: AttackOptions,
    action_repeat: int,
    costs: Costs,
    obs_key: ObsKey | None,
    place: PlaceOptions = PlaceOptions(),  # noqa: B008 - frozen
) -> tuple[list[Attack], list[str]]:
    """Return what all attackers ended with, and which could not be tried, with the reason.

    One after the other they share the seconds; in processes or on Ray they attack side by side, each for all of them.

    Raises:
        OptionError: no attacker can act in this environment.
        TSRewardError: the model cannot be written to a file, or an attacker failed.
    """
    names = [name for name in ATTACKERS if name in options.attackers]
    apart = place.jobs > 1 or place.ray is not None
    found, skipped = [], []
    with tempfile.TemporaryDirectory(prefix="tsreward-attack-") as folder:
        parts = [Path(folder, name) for name in names]
        if apart:
            save(model, Path(folder, _MODEL))
            works = [partial(_attack_apart, part, env, options, action_repeat, costs, obs_key) for part in parts]
            for number, failure in sorted(run_works(works, place).items()):
                raise TSRewardError(f"The attack by {names[number]} failed: {failure.why}")
        begun = time.monotonic()
        for number, (name, part) in enumerate(zip(names, parts, strict=True)):
            try:
                if apart:
                    found += _read(part)
                    continue
                left = max(options.seconds - (time.monotonic() - begun), 1.0)
                share = replace(options, seconds=left / (len(names) - number))
                found += ATTACKERS[name](model, env, share, action_repeat, costs, obs_key)
            except OptionError as error:
                skipped.append(f"{name}: {error}")
    if not found:
        raise OptionError(f"No attacker can act in {env}. {' '.join(skipped)}")
    return found, skipped


_MODEL, _SKIPPED = "model.safetensors", "skipped.txt"


def _attack_apart(
    part: Path, env: str, options: AttackOptions, action_repeat: int, costs: Costs, obs_key: ObsKey | None
) -> None:
    """Leave what an attacker ended with, or why it cannot be tried, in the folder with its name."""
    part.mkdir(exist_ok=True)
    model = load(part.parent / _MODEL)
    try:
        for number, one in enumerate(ATTACKERS[part.name](model, env, options, action_repeat, costs, obs_key)):
            save_episodes([each.episode for each in one.played], part / f"{number}.npz")
            known = {"attacker": one.attacker, "decisions": one.decisions, "seconds": one.seconds}
            episodes = {"seeds": [each.seed for each in one.played], "cut": [each.cut for each in one.played]}
            (part / f"{number}.json").write_text(json.dumps(known | episodes))
    except OptionError as error:
        (part / _SKIPPED).write_text(str(error))


def _read(part: Path) -> Iterator[Attack]:
    """Yield what `_attack_apart` has left.

    Raises:
        OptionError: the attacker cannot be tried.
    """
    for number in range(len(list(part.glob("*.json")))):
        known = json.loads((part / f"{number}.json").read_text())
        episodes = load_episodes(part / f"{number}.npz")
        each = zip(episodes, known["seeds"], known["cut"], strict=True)
        played = [Played(episode, seed, cut=cut) for episode, seed, cut in each]
        yield Attack(known["attacker"], played, known["decisions"], known["seconds"])
    if (part / _SKIPPED).exists():
        raise OptionError((part / _SKIPPED).read_text())


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
