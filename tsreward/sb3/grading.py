"""Graded episodes: random, half-trained and expert behaviour, recorded and re-rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from tsreward.data.graded import GradedEpisodes
from tsreward.envs.blind_policies import BLIND, Policy, blind_policy
from tsreward.envs.ids import split_id
from tsreward.envs.make import make
from tsreward.envs.meta_world import scripted_policy
from tsreward.envs.random_state import kept_random_state
from tsreward.envs.re_render import render_states
from tsreward.errors import DataError, OptionError
from tsreward.functional.arrays import count
from tsreward.options import Options, option
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.environment_checks import action_space, check_environment
from tsreward.sb3.playing import Played, episode_seeds, play, policy_of
from tsreward.sb3.training import StepReport, train_agent
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import ObsKey


def draw_episodes(graded: GradedEpisodes, size: int = 64, **options: Any) -> GradedEpisodes:
    """Return the same episodes with frames [T + 1, size, size, C] (uint8) as observations, bit-identical with live
    ones.

    Frames of dm_control are drawn from the states; Atari, whose screen does not follow from its memory, and Meta-World
    are played again. `options` are those of `make` for frames: `grey`, and but for Atari `camera` and `rendering`.

    Raises:
        OptionError: the environment is none of dm_control, Atari or Meta-World, or observes frames already.
        DataError: a game played again takes another course than the recorded one.
    """
    if not graded.env.startswith(("dmc/", "atari/", "metaworld/")):
        raise OptionError(f"draw_episodes draws dm_control, Atari and Meta-World, got episodes of '{graded.env}'.")
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


_STAGES = "rising numbers in (0, 1)"


@dataclass(frozen=True)
class GradingOptions(Options):
    """Which skills are recorded, and how often."""

    policy: str = "train"
    """train: the expert is an agent that learned the environment's reward. constant:ACTION, or the name of another
    blind policy: it is that one, and at stage s a fraction s of its actions is kept and the others are random.
    scripted: the same with the expert that Meta-World ships for its task."""
    num_episodes: int = 8
    """Complete episodes of every skill."""
    stages: tuple[float, ...] = option((0.05, 0.1, 0.25, 0.5), above=0, below=1, wanted=_STAGES)
    """Shares of the training after which the agent is recorded, besides the random policy and the expert at 1."""
    stochastic: bool = False
    """Draw the agent's actions as in training, in place of the most likely ones."""

    def check(self) -> None:
        if list(self.stages) != sorted(set(self.stages)):
            self.refuse("stages", _STAGES)

    @property
    def skills(self) -> tuple[str, ...]:
        """Name of every skill, the least able first."""
        return ("random", *(f"{fraction * 100:g} %" for fraction in self.stages), "expert")


def collect_graded(
    env: str,
    agent: AgentOptions,
    options: GradingOptions,
    stage: Callable[[str], StepReport] | None = None,
    costs: Costs | CostReader = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
) -> GradedEpisodes:
    """Train an agent on the environment's reward, and record complete episodes of every skill on the way.

    The skills are "random", the fractions of the training as in "25 %", and "expert". Recording does not change the
    agent. `stage` is called with the name of what begins; `costs` say where the cost of a step is found,
    and `obs_key` what is recorded of observations that are a Dict.

    Raises:
        OptionError: no such environment or policy, or the algorithm cannot act in the environment.
        ShapeError: observations that are not arrays of real numbers.
        DataError: an episode does not end.
    """
    trained = options.policy == "train"
    check_environment(env, agent.algorithm if trained else None, obs_key=obs_key)
    space = action_space(env)
    if not trained:
        _given_policy(options.policy, env, space, agent.seed)  # says what is wrong with it before anything is played
    played: list[list[Played]] = []
    reader = costs if isinstance(costs, CostReader) else CostReader(costs)

    def record(policy: Policy) -> None:
        seeds = episode_seeds(agent.seed, len(played), options.num_episodes)
        played.append(play(env, policy, seeds, agent.action_repeat, reader, obs_key))

    if stage is not None:
        stage("random policy")
    record(blind_policy("random", space, agent.seed))
    if trained:
        recorder = _Recorder(record, [fraction * agent.steps for fraction in options.stages], not options.stochastic)
        expert = train_agent(env, agent, report=None if stage is None else stage("agent"), callbacks=[recorder])
        recorder.rest()
        record(policy_of(expert.algorithm, not options.stochastic))
        expert.normaliser.close()
    else:
        if stage is not None:
            stage(options.policy)
        for number, fraction in enumerate((*options.stages, 1.0)):
            mixing = np.random.default_rng([agent.seed, number])
            other = blind_policy("random", space, agent.seed + number)
            record(_mixed(_given_policy(options.policy, env, space, agent.seed), other, fraction, mixing))
    return graded_episodes(env, agent.action_repeat, options.skills, played)


def collect_blind(
    env: str, seeds: Sequence[int], action_repeat: int = 1, obs_key: ObsKey | None = None
) -> GradedEpisodes:
    """Record complete episodes from these seeds of every policy in `BLIND`, each a skill of that name.

    Raises:
        OptionError: no seeds, no such environment, or actions that are neither discrete nor bounded numbers.
        DataError: an episode does not end.
    """
    space = action_space(env)
    policies = [blind_policy(name, space, *seeds[:1]) for name in BLIND]
    played = [play(env, policy, seeds, action_repeat, obs_key=obs_key) for policy in policies]
    return graded_episodes(env, action_repeat, tuple(BLIND), played)


class _Recorder(BaseCallback):
    """Records the agent when these numbers of steps are done."""

    def __init__(self, record: Callable[[Policy], None], at: list[float], deterministic: bool) -> None:
        super().__init__()
        self._record, self._at, self._deterministic = record, list(at), deterministic

    def _on_step(self) -> bool:
        if self._at and self.num_timesteps >= self._at[0]:
            self._at.pop(0)
            self._record(policy_of(self.model, self._deterministic))
        return True

    def rest(self) -> None:
        """Record what a short training has left out: several fractions may end in one step."""
        while self._at:
            self._at.pop(0)
            self._record(policy_of(self.model, self._deterministic))


def _given_policy(name: str, env: str, space: Any, seed: int) -> Policy:
    return scripted_policy(env) if name == "scripted" else blind_policy(name, space, seed)


def _mixed(policy: Policy, other: Policy, fraction: float, rng: np.random.Generator) -> Policy:
    """Return a policy that follows `policy` in a fraction of its decisions, drawn anew in each."""

    def act(obs: Any) -> np.ndarray:
        kept, random = policy(obs), other(obs)
        follows = rng.random(count(obs)) < fraction
        return np.where(follows.reshape(-1, *[1] * (kept.ndim - 1)), kept, random).astype(kept.dtype)

    return act


def graded_episodes(env: str, action_repeat: int, names: tuple[str, ...], played: list[list[Played]]) -> GradedEpisodes:
    """Return what was played, the episodes of each skill in its own list, with the names of the skills."""
    everything = [one for skill in played for one in skill]
    if any(one.episode.costs is None for one in everything):  # the first cost may have come late
        everything = [replace(one, episode=replace(one.episode, costs=None)) for one in everything]
    states = [one.states for one in everything if one.states is not None]
    return GradedEpisodes(
        env,
        action_repeat,
        names,
        [one.episode for one in everything],
        np.repeat(np.arange(len(played)), [len(skill) for skill in played]),
        np.array([one.total for one in everything]),
        np.array([one.seed for one in everything]),
        states if len(states) == len(everything) else None,
    )
