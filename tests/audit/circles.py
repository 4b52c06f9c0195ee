"""A world with a known answer: good behaviour goes round a circle, and where it may cost lies outside it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tsreward.audit import Audit, audit_reward
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.base import RewardMode
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode


def circles(
    seed: int, share: float = 1.0, episodes: int = 8, steps: int = 80, terminated: bool = False
) -> list[Episode]:
    """Return episodes that go round the unit circle in a share of their steps, and wander about in the others.

    The true reward of a step is 1 where it went round, the cost 1 where it ended beyond radius 1.5.
    """
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(episodes):
        round_ = rng.random(steps + 1) < share
        angles = rng.uniform(0, 2 * np.pi) + 0.4 * np.arange(steps + 1)
        tidy = np.stack([np.cos(angles), np.sin(angles)], 1)
        obs = np.where(round_[:, None], tidy, rng.uniform(-2.5, 2.5, (steps + 1, 2)))
        obs = (obs + rng.normal(0, 0.02, obs.shape)).astype(np.float32)
        costs = (np.linalg.norm(obs[1:], axis=1) > 1.5).astype(float)
        result.append(Episode(obs, round_[1:].astype(float), costs, terminated=terminated))
    return result


def still(seed: int, episodes: int = 4, steps: int = 80) -> list[Episode]:
    """Return episodes that stay where they begin, on the circle."""
    starts = [episode.obs[:1] for episode in circles(seed, episodes=episodes)]
    return [Episode(np.repeat(start, steps + 1, axis=0), np.zeros(steps), np.zeros(steps)) for start in starts]


@cache
def moving_model(
    steps: Any = "window", smoothing: float = 0.0, window: int = 4, frame_skip: int = 1, every: int = 1
) -> RewardModel:
    """Return a likeness that sees whole windows, or with "last" nothing but where the agent is."""
    scorer = KNN(window, KNNOptions(steps=steps, bank_size=500))
    mode = Likeness(LikenessOptions(scale=0.3, smoothing=smoothing, every=every))
    return fitted(RewardModel(scorer, mode, frame_skip=frame_skip))


@cache
def safe_model(mode: RewardMode | None = None) -> RewardModel:
    """Return a penalty on what lies far from the circle."""
    return fitted(RewardModel(Mahalanobis(4), mode or Penalty(PenaltyOptions())))


@cache
def moving_audit(steps: Any = "window") -> Audit:
    """Return the audit of `moving_model` with every kind of behaviour, made once for all tests."""
    return audit_reward(moving_model(steps), circles(1), circles(2, 0.0), circles(3, 0.8), {"still": still(4)})


@cache
def safe_audit() -> Audit:
    """Return the audit of `safe_model`, made once for all tests."""
    return audit_reward(safe_model(), circles(1), circles(2, 0.3))


def fitted(model: RewardModel) -> RewardModel:
    model.fit([episode.obs for episode in circles(100, episodes=12)], rewards=np.ones(1))
    return model
