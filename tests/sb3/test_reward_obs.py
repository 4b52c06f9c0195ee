"""Frames beside the observation: the model sees them wherever an episode begins or a step arrives, and each once."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecMonitor

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.encoders.base import Identity
from tsreward.errors import OptionError, ProtocolError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.feature_vec_env import FeatureVecEnv
from tsreward.sb3.vec_env import LearnedRewardVecEnv

LENGTHS = (7, 1, 12)


class SensorsAndFrames(gymnasium.Wrapper):
    """Shows one number, and puts what the environment shows into `info["frame"]`."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.observation_space = Box(-np.inf, np.inf, (1,), np.float32)

    def reset(self, **kind: Any) -> tuple[Any, dict[str, Any]]:
        obs, info = self.env.reset(**kind)
        return np.full(1, -1.0, np.float32), {**info, "frame": obs}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return np.full(1, 1.0, np.float32), reward, terminated, truncated, {**info, "frame": obs}


def scripted(frames: bool, num_envs: int = 2, make: Any = DummyVecEnv) -> VecEnv:
    def built(played: Any) -> gymnasium.Env:
        return SensorsAndFrames(ScriptedEnv(played)) if frames else ScriptedEnv(played)

    return VecMonitor(make([partial(built, played) for played in scripts(2, num_envs, LENGTHS)]))


def rewards(venv: VecEnv, steps: int = 60) -> np.ndarray:
    venv.reset()
    return np.stack([venv.step(np.zeros((venv.num_envs, 1), np.float32))[1] for _ in range(steps)])


@pytest.mark.parametrize("make", [DummyVecEnv, partial(SubprocVecEnv, start_method="fork")])
def test_frames_earn_what_the_same_observations_earn(model: RewardModel, make: Any) -> None:
    expected = rewards(LearnedRewardVecEnv(scripted(False), model))
    venv = scripted(True, make=make)
    assert np.array_equal(rewards(LearnedRewardVecEnv(venv, model, reward_obs="frame")), expected)
    bulk = BulkRewardVecEnv(scripted(True), model, reward_obs="frame")
    bulk.taken = True
    rewards(bulk)
    assert np.array_equal(bulk.take()[0], expected)


def features(venv: VecEnv, model: RewardModel, **kind: Any) -> list[Any]:
    seen = FeatureVecEnv(venv, model, **kind)
    seen.taken = True
    seen.reset()
    steps = []
    for _ in range(60):
        seen.step(np.zeros((venv.num_envs, 1), np.float32))
        steps.append(seen.take())
    return steps


def test_features_of_every_step_are_where_it_left_and_where_it_arrived(model: RewardModel) -> None:
    played = scripts(2, 2, LENGTHS)
    for index, episodes in enumerate(played):
        steps = iter(features(scripted(False), model))
        for number in range(4):
            episode = episodes[number % len(episodes)]
            for at in range(len(episode)):
                step = next(steps)
                assert step.age[index] == at
                assert torch.equal(step.before[index], torch.from_numpy(episode.obs[at]))
                assert torch.equal(step.after[index], torch.from_numpy(episode.obs[at + 1]))


def test_every_frame_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoded = small_model(), []

    def encode(self: Identity, obs: torch.Tensor) -> torch.Tensor:
        encoded.append(obs.clone())
        return obs.flatten(1)

    expected = features(scripted(False), model)
    monkeypatch.setattr(Identity, "encode", encode)
    model.chunk = 1  # without padding, which repeats rows
    found = features(scripted(True), model, reward_obs="frame")
    for step, own in zip(found, expected, strict=True):
        assert torch.equal(step.before, own.before) and torch.equal(step.after, own.after)
    ends = sum(int((later.age == 0).sum()) for later in found[1:])
    rows = torch.cat(encoded)
    assert 2 + 60 * 2 + ends <= len(rows) <= 2 + 60 * 2 + ends + 2  # an episode may have begun in the last step


def test_what_cannot_be_looked_at_is_refused(model: RewardModel) -> None:
    with pytest.raises(OptionError, match="looks at 'observation' or 'frame', got 'sound'"):
        FeatureVecEnv(scripted(False), model, reward_obs="sound")  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=r"Environment 0 gave no info\['frame'\] for LearnedRewardVecEnv to look"):
        LearnedRewardVecEnv(scripted(False), model, reward_obs="frame").reset()
    with pytest.raises(ShapeError, match=r"gives frames \(3,\) but the model reads \(5,\)"):
        BulkRewardVecEnv(scripted(True), small_model((5,)), reward_obs="frame").reset()
    with pytest.raises(ShapeError, match=r"gives observations \(1,\) but the model reads \(3,\)"):
        FeatureVecEnv(scripted(True), model)


def test_features_that_nobody_takes_are_refused(model: RewardModel) -> None:
    venv = FeatureVecEnv(scripted(False), model)
    venv.reset()
    with pytest.raises(ProtocolError, match=r"nobody takes the features: train with .*ActiveRewards\(venv\)"):
        venv.step(np.zeros((2, 1), np.float32))
    with pytest.raises(ProtocolError, match="there was no step since the last time"):
        venv.take()
