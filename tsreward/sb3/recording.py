"""`EpisodeRecorder`: keeps what really happened, below every wrapper that changes rewards."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from tsreward.errors import ProtocolError
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import ObsKey, ObsParts


class EpisodeRecorder(VecEnvWrapper):
    """Record observations, actions, true rewards and costs of every episode; change nothing.

    Args:
        venv: environments.
        needs_cost: whether every step must have a cost; otherwise a step without one is safe.
        costs: where a cost is found, and what becomes of it; or the reader of environments that repeat actions.
        obs_key: what is recorded of observations that are a Dict, see `ObsParts`; None is all parts side by side.

    Raises:
        ProtocolError: in a step, a cost is missing although `needs_cost`, or an observation, a reward or a cost is NaN
            or infinite.
    """

    def __init__(
        self,
        venv: VecEnv,
        needs_cost: bool = False,
        costs: Costs | CostReader = CostOptions(),  # noqa: B008 - frozen
        obs_key: ObsKey | None = None,
    ) -> None:
        super().__init__(venv)
        self._parts = ObsParts("EpisodeRecorder", venv.observation_space, obs_key)
        self.costs = costs if isinstance(costs, CostReader) else CostReader(costs, needs_cost)
        """Reads the costs, and knows where they were found."""
        self.finished: list[Episode] = []
        """Complete episodes, in the order in which they ended."""
        self._broken: list[Episode] = []
        """What was running when a training was broken off that this one goes on with."""
        self._running: list[_Running] = []

    def reset(self) -> Any:
        obs = self.venv.reset()
        self._running = [_Running(index, first) for index, first in enumerate(self._parts.of_all(obs))]
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions.copy()
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        seen = self._parts.of_all(obs)
        for index, (running, info) in enumerate(zip(self._running, infos, strict=True)):
            cost = self.costs.read(info, f"Environment {index}")
            done = bool(dones[index])
            arrived = self._parts.of_one(info["terminal_observation"]) if done else seen[index]
            running.append(arrived, self._actions[index], float(rewards[index]), cost)
            if done:
                self.finished.append(running.episode(not info.get("TimeLimit.truncated", False)))
                self._running[index] = _Running(index, seen[index])
        return obs, rewards, dones, infos

    @property
    def gives_cost(self) -> bool:
        """Whether any step has come with a cost."""
        return self.costs.found

    def all_episodes(self) -> list[Episode]:
        """Return the finished episodes and, after them, what the running ones have so far.

        They have no costs where the environment gives none.
        """
        episodes = self.finished + self._unfinished()
        return episodes if self.gives_cost else [replace(episode, costs=None) for episode in episodes]

    def state(self) -> dict[str, Any]:
        """Return rewards, costs and lengths of all episodes as arrays by name; those that run are broken off."""
        return {**_totals(self.finished), "broken": _totals(self._unfinished())}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; the observations and actions of its episodes are not known any more."""
        self.finished, self._broken = _episodes(state), _episodes(state["broken"])

    def _unfinished(self) -> list[Episode]:
        return self._broken + [running.episode(False) for running in self._running if running.rewards]


def _totals(episodes: list[Episode]) -> dict[str, np.ndarray]:
    """Return what episodes earned and cost as arrays by name."""
    return {
        "lengths": np.array([len(episode) for episode in episodes], np.int64),
        "terminated": np.array([episode.terminated for episode in episodes], bool),
        "rewards": np.concatenate([np.empty(0), *(episode.rewards for episode in episodes)]),  # type: ignore[list-item]
        "costs": np.concatenate([np.empty(0), *(episode.costs for episode in episodes)]),  # type: ignore[list-item]
    }


def _episodes(state: dict[str, Any]) -> list[Episode]:
    """Return episodes [T + 1, 0] without observations, with these rewards and costs."""
    ends = np.cumsum(state["lengths"])[:-1]
    parts = (np.split(state["rewards"], ends), np.split(state["costs"], ends), state["terminated"].tolist())
    return (
        [
            Episode(np.empty((len(rewards) + 1, 0), np.float32), rewards, costs, terminated=terminated)
            for rewards, costs, terminated in zip(*parts, strict=True)
        ]
        if len(state["lengths"])
        else []
    )


class _Running:
    def __init__(self, index: int, first: np.ndarray) -> None:
        self.index, self.obs, self.actions = index, [np.array(first)], []
        self.rewards: list[float] = []
        self.costs: list[float] = []
        self._check("observation", first)

    def append(self, obs: np.ndarray, action: np.ndarray, reward: float, cost: float) -> None:
        self.obs.append(np.array(obs))
        self.actions.append(action)
        self.rewards.append(reward)
        self.costs.append(cost)
        self._check("observation", obs)
        if not math.isfinite(reward + cost):
            self._check("reward", np.array(reward))
            self._check("cost", np.array(cost))

    def episode(self, terminated: bool) -> Episode:
        return Episode(
            np.stack(self.obs), np.array(self.rewards), np.array(self.costs), np.stack(self.actions), terminated
        )

    def _check(self, what: str, values: np.ndarray) -> None:
        # The sum of finite values can overflow, so only a second look condemns.
        if values.dtype.kind == "f" and not math.isfinite(values.sum()) and not np.isfinite(values).all():
            raise ProtocolError(
                f"Environment {self.index} gave NaN or inf as {what} in step {len(self.rewards)} of an episode: "
                f"repair it, or end the episode before that."
            )
