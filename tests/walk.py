"""The walk that doors are tried on: three columns, of which one is driven by the action, with costs and ends."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from tsreward.pipeline.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions


class Walk(gymnasium.Env):
    """x0 += .3·a + N(0, .05), x1 = .8·x1 + a, x2 = sin x0; reward a, cost where |x0| > 1, ends at |x0| > 2 or 40."""

    def __init__(self, scale: float = 1.0) -> None:
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self._scale = scale

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._x, self._steps = np.zeros(2), 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        a = float(np.clip(np.asarray(action).ravel()[0], -1, 1))
        self._x += (0.3 * a + self.np_random.normal(0, 0.05), 0.0)
        self._x[1] = 0.8 * self._x[1] + a
        self._steps += 1
        info = {"cost": float(abs(self._x[0]) > 1)}
        return self._obs(), self._scale * a, bool(abs(self._x[0]) > 2), self._steps >= 40, info

    def _obs(self) -> np.ndarray:
        return np.array([*self._x, np.sin(self._x[0])], np.float32)


def calm(obs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an action that keeps x0 near 0."""
    return np.clip(np.array([-0.5 * obs[0] + rng.normal(0, 0.5)], np.float32), -1, 1)


def played(env: gymnasium.Env, episodes: int, seed: int, policy: Any = calm) -> list[Episode]:
    """Return episodes of a policy in an environment, with its rewards."""
    rng, result = np.random.default_rng(seed), []
    for number in range(episodes):
        obs, rewards, ended = [env.reset(seed=1000 * seed + number)[0]], [], False
        while not ended:
            given, reward, terminated, truncated, _ = env.step(policy(obs[-1], rng))
            obs.append(given)
            rewards.append(float(reward))
            ended = terminated or truncated
        result.append(Episode(np.stack(obs), np.array(rewards)))
    return result


def walk_model(mode: str = "likeness", episodes: list[Episode] | None = None, **options: Any) -> RewardModel:
    """Return a model of calm walks: kNN over whole windows of four steps."""
    episodes = played(Walk(), 40, seed=1) if episodes is None else episodes
    reward = {
        "likeness": lambda: Likeness(LikenessOptions(transform="negative", **options)),
        "penalty": lambda: Penalty(PenaltyOptions(**options)),
        "lagrangian": lambda: Lagrangian(LagrangianOptions(**options)),
    }[mode]()
    model = RewardModel(KNN(4, KNNOptions(steps="window")), reward)
    rewards = np.concatenate([episode.rewards for episode in episodes])
    return model.fit([episode.obs for episode in episodes], rewards=rewards, options=TrainOptions(epochs=1))
