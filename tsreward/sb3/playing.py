"""Running policies and keeping what happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv

from tsreward.envs.blind_policies import Policy
from tsreward.envs.make import make, make_with_costs
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import DataError, OptionError
from tsreward.sb3.agent_observations import for_agent, stacked
from tsreward.sb3.environment_checks import check_spaces
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.training import StepReport
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import ObsKey, ObsParts


def act_at_random(
    env: str,
    steps: int,
    num_envs: int = 8,
    seed: int = 0,
    report: StepReport | None = None,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
) -> EpisodeRecorder:
    """Run uniformly random actions for at least `steps` steps of all environments together.

    `costs` say where the cost of a step is found, and `obs_key` what is recorded of observations that are a Dict.
    """
    with kept_random_state():
        venv = DummyVecEnv([lambda: for_agent(make(env))] * num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, None)
        venv.seed(seed)
        venv.action_space.seed(seed)
        record = EpisodeRecorder(venv, costs=costs, obs_key=obs_key)
        record.reset()
        for done in range(0, steps, num_envs):
            record.step(np.stack([venv.action_space.sample() for _ in range(num_envs)]))
            if report is not None:
                report(min(done + num_envs, steps), steps)
        venv.close()
    return record


SIDE_BY_SIDE = 8
"""Environments that are played at a time: policies are faster in batches."""
LONGEST = 30_000
"""Decisions after which an episode is given up."""


@dataclass(frozen=True)
class Played:
    """An episode, the seed that began it, and the simulator's states [T + 1, S] where it gives them."""

    episode: Episode
    seed: int
    states: np.ndarray | None = None
    cut: bool = False
    """Ended by who played it, before the environment did."""

    @property
    def total(self) -> float:
        """The sum of the environment's rewards."""
        assert self.episode.rewards is not None
        return float(self.episode.rewards.sum())


def episode_seeds(seed: int, stream: int, episodes: int) -> list[int]:
    """Return a seed for each episode, others for every `stream`."""
    drawn = np.random.SeedSequence([seed, stream]).generate_state(episodes)
    return [int(value) & 0x7FFFFFFF for value in drawn]  # simulators take 31 bits


def play(
    env: str,
    policy: Policy,
    seeds: Sequence[int],
    action_repeat: int = 1,
    costs: Costs | CostReader = CostOptions(),  # noqa: B008 - frozen
    obs_key: ObsKey | None = None,
) -> list[Played]:
    """Return one complete episode for every seed, in the order of the seeds; none is left out for being long.

    The episode of a seed and a policy without randomness does not depend on the other seeds. They have costs where any
    step of them has one. Where the observation is a Dict or a Tuple, the policy gets all of it, and `obs_key` is what
    the episodes hold.

    Raises:
        OptionError: no seeds, or no such environment.
        DataError: an episode does not end.
    """
    if not len(seeds):
        raise OptionError("play needs one seed or more.")
    waiting = list(enumerate(map(int, seeds)))[::-1]
    played: dict[int, Played] = {}
    reader = costs if isinstance(costs, CostReader) else CostReader(costs)
    with kept_random_state():
        running = [
            _Running(for_agent(make_with_costs(env, reader, action_repeat)), reader, obs_key, *waiting.pop())
            for _ in range(min(SIDE_BY_SIDE, len(seeds)))
        ]
        try:
            while running:
                actions = policy(stacked([one.now for one in running]))
                for one, action in zip(list(running), actions, strict=True):
                    if not one.step(action):
                        continue
                    played[one.number] = one.played()
                    if waiting:
                        one.begin(*waiting.pop())
                    else:
                        running.remove(one)
                        one.env.close()
        finally:
            for one in running:
                one.env.close()
    reader.tell()
    in_order = [played[number] for number in range(len(seeds))]
    return in_order if reader.found else [replace(one, episode=replace(one.episode, costs=None)) for one in in_order]


def policy_of(algorithm: BaseAlgorithm, deterministic: bool = True) -> Policy:
    """Return what the algorithm does now, through the normaliser that it was trained with, if there is one."""
    normaliser = algorithm.get_vec_normalize_env()

    def act(obs: Any) -> np.ndarray:
        seen = obs if normaliser is None else normaliser.normalize_obs(obs)
        return algorithm.predict(seen, deterministic=deterministic)[0]  # type: ignore[arg-type]

    return act


@dataclass(eq=False)
class _Running:
    env: gymnasium.Env
    reader: CostReader
    obs_key: ObsKey | None
    number: int
    seed: int
    obs: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = ObsParts("play", self.env.observation_space, self.obs_key)
        self.begin(self.number, self.seed)

    def begin(self, number: int, seed: int) -> None:
        self.number, self.seed, self.ended = number, seed, False
        self.now, info = self.env.reset(seed=seed)
        self.obs, self.states = [np.array(self.parts.of_one(self.now))], [info.get("physics_state")]
        self.actions: list[np.ndarray] = []
        self.rewards: list[float] = []
        self.costs: list[float] = []

    def step(self, action: np.ndarray) -> bool:
        """Act; tell whether the episode is over."""
        self.now, reward, self.ended, truncated, info = self.env.step(action)
        self.obs.append(np.array(self.parts.of_one(self.now)))
        self.states.append(info.get("physics_state"))
        self.actions.append(np.array(action))
        self.rewards.append(float(reward))
        self.costs.append(self.reader.read(info))
        if len(self.rewards) >= LONGEST and not (self.ended or truncated):
            raise DataError(
                f"An episode did not end within {LONGEST} decisions: make the environment with max_episode_steps."
            )
        return bool(self.ended or truncated)

    def played(self) -> Played:
        stateless = any(state is None for state in self.states)
        return Played(
            Episode(
                np.stack(self.obs),
                np.array(self.rewards),
                np.array(self.costs),
                np.stack(self.actions),
                bool(self.ended),
            ),
            self.seed,
            None if stateless else np.stack(self.states),  # type: ignore[arg-type]
        )
