"""Environments, learners and callbacks that several tests of agents share."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from tests.scripted import ScriptedEnv, scripts
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions

LENGTHS = (2, 1, 9, 5, 30, 7)
EXPERT = list(np.random.default_rng(5).normal(3, 1, size=(4, 20, 3)).astype(np.float32))


def scripted(num_envs: int = 2, lengths: tuple[int, ...] = LENGTHS, make: Any = DummyVecEnv, **kind: Any) -> VecEnv:
    return make([partial(ScriptedEnv, played) for played in scripts(2, num_envs, lengths, **kind)])


def lazy(venv: VecEnv, model: RewardModel, driven: bool = False, **kind: Any) -> LearnedRewardVecEnv:
    """Return environments with lazy rewards; `driven` by the test itself, or by a callback."""
    wrapped = LearnedRewardVecEnv(venv, model, lazy=True, **kind)
    wrapped.driven = driven
    return wrapped


def learning(**options: Any) -> ActiveLearner:
    model = RewardModel(
        DeepSVDD(4, DeepSVDDOptions(hidden=16, embedding=4)), Likeness(LikenessOptions(transform="odds"))
    )
    return ActiveLearner(model, EXPERT, ActiveLearnerOptions(batch_size=16, **options))


class Stop(BaseCallback):
    """Stops the training in one step, after which nothing is stored."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        return self.n_calls != self.at


class Crash(BaseCallback):
    """Ends the training with an error in its twentieth step."""

    def _on_step(self) -> bool:
        if self.n_calls == 20:
            raise RuntimeError("crash")
        return True


class Meddler(BaseCallback):
    """Steps the environments once behind the back of the training."""

    def _on_step(self) -> bool:
        if self.n_calls == 3:
            self.training_env.step(np.zeros((self.training_env.num_envs, 1), np.float32))
        return True


class Doubling(ExplorationBonus):
    """Pays twice the number of its updates so far."""

    weight = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.updated: list[torch.Tensor] = []

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return torch.full((len(windows),), 2.0 * len(self.updated), dtype=torch.float64)

    def update(self, windows: torch.Tensor) -> None:
        self.updated.append(windows)
