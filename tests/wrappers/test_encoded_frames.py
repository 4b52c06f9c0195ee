"""Frames that an environment shows reach a real encoder of pictures once each, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.scripted import play_single
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.scorers.knn import KNN
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

SHAPE, STEPS = (8, 8, 3), 40


class Noise(gymnasium.Env):
    """Shows random frames, all different, in episodes of 1 to 9 steps, and writes down each that it shows."""

    def __init__(self, seed: int, shown: list[bytes]) -> None:
        self.observation_space, self.action_space = Box(0, 255, SHAPE, np.uint8), Box(-1.0, 1.0, (1,), np.float32)
        self._rng, self._shown, self._left = np.random.default_rng(seed), shown, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._left = int(self._rng.integers(1, 10))
        return self._frame(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._left -= 1
        return self._frame(), 0.0, self._left == 0, False, {}

    def _frame(self) -> np.ndarray:
        frame = self._rng.integers(0, 256, SHAPE, np.uint8)
        self._shown.append(frame.tobytes())
        return frame


def play_one(model: RewardModel, shown: list[bytes]) -> None:
    play_single(LearnedReward(Noise(0, shown), model), STEPS)


def play_some(model: RewardModel, shown: list[bytes], num_envs: int) -> None:
    venv = LearnedRewardVecEnv(DummyVecEnv([partial(Noise, seed, shown) for seed in range(num_envs)]), model)
    venv.reset()
    for _ in range(STEPS):
        venv.step(np.zeros((num_envs, 1), np.float32))


def play_vector(model: RewardModel, shown: list[bytes], mode: AutoresetMode) -> None:
    envs = SyncVectorEnv([partial(Noise, seed, shown) for seed in range(3)], autoreset_mode=mode)
    vector = LearnedRewardVector(envs, model)
    vector.reset(seed=0)
    for _ in range(STEPS):
        vector.step(np.zeros((3, 1), np.float32))


@pytest.mark.parametrize(
    "play",
    [
        play_one,
        partial(play_some, num_envs=1),
        partial(play_some, num_envs=4),
        partial(play_vector, mode=AutoresetMode.NEXT_STEP),
        partial(play_vector, mode=AutoresetMode.SAME_STEP),
    ],
)
def test_every_frame_is_encoded_once(play: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConvEncoder, "chunk", 1)  # without padding, which repeats rows, here and in the model
    model = RewardModel(KNN(4), Likeness(), ConvEncoder(SHAPE, ConvOptions(dim=8, channels=(4, 4))), chunk=1)
    model.fit(list(np.random.default_rng(9).integers(0, 256, (4, 20, *SHAPE), np.uint8)))
    encoded: list[bytes] = []
    shown: list[bytes] = []
    features = ConvEncoder.features

    def counted(self: ConvEncoder, frames: torch.Tensor) -> torch.Tensor:
        encoded.extend(frame.numpy().tobytes() for frame in frames)
        return features(self, frames)

    monkeypatch.setattr(ConvEncoder, "features", counted)
    play(model, shown)
    assert len(encoded) == len(shown) > STEPS + 5
    assert sorted(encoded) == sorted(shown)
