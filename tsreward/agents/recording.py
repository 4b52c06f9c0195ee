"""`EpisodeRecorder`: keeps what really happened, below every wrapper that changes rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from tsreward.episodes import Episode
from tsreward.errors import ProtocolError


class EpisodeRecorder(VecEnvWrapper):
    """Record observations, actions, true rewards and costs of every episode; change nothing.

    `needs_cost` demands `info["cost"]` in every step; otherwise a missing cost counts as none.
    """

    def __init__(self, venv: VecEnv, needs_cost: bool = False) -> None:
        super().__init__(venv)
        self.needs_cost = needs_cost
        self.finished: list[Episode] = []
        """Complete episodes, in the order in which they ended."""
        self._running: list[_Running] = []

    def reset(self) -> Any:
        obs = self.venv.reset()
        self._running = [_Running(first) for first in np.asarray(obs)]
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions.copy()
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        for index, (running, info) in enumerate(zip(self._running, infos, strict=True)):
            cost = info.get("cost")
            if cost is None and self.needs_cost:
                raise ProtocolError(
                    f"Environment {index} gave no info['cost']: use one that does, such as SafetyHopperVelocity-v1."
                )
            done = bool(dones[index])
            arrived = info["terminal_observation"] if done else obs[index]
            running.append(arrived, self._actions[index], float(rewards[index]), float(cost or 0.0))
            if done:
                self.finished.append(running.episode(not info.get("TimeLimit.truncated", False)))
                self._running[index] = _Running(obs[index])
        return obs, rewards, dones, infos

    def all_episodes(self) -> list[Episode]:
        """Return the finished episodes and, after them, what the running ones have so far."""
        return self.finished + [running.episode(False) for running in self._running if running.rewards]


class _Running:
    def __init__(self, first: np.ndarray) -> None:
        self.obs, self.actions = [np.array(first)], []
        self.rewards: list[float] = []
        self.costs: list[float] = []

    def append(self, obs: np.ndarray, action: np.ndarray, reward: float, cost: float) -> None:
        self.obs.append(np.array(obs))
        self.actions.append(action)
        self.rewards.append(reward)
        self.costs.append(cost)

    def episode(self, terminated: bool) -> Episode:
        return Episode(
            np.stack(self.obs), np.array(self.rewards), np.array(self.costs), np.stack(self.actions), terminated
        )
