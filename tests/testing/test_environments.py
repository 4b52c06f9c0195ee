"""Wrapped environments: the package's own passes, and wrappers with one mistake each fail the check that is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from tests.scripted import ScriptedEnv, script, small_model
from tsreward.errors import OptionError
from tsreward.pipeline.model import RewardModel
from tsreward.testing import check_reward_env
from tsreward.testing.environments import EnvironmentOptions
from tsreward.wrappers.gymnasium_env import LearnedReward

SHORT = EnvironmentOptions(steps=60)


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.5, frame_skip=2)


def scripted() -> ScriptedEnv:
    rng = np.random.default_rng(3)
    return ScriptedEnv([script(rng, length) for length in (12, 9, 1, 15)])


class NeverBegins(LearnedReward):
    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        if self.online._stream._steps is None:
            self.online.start(torch.from_numpy(obs)[None])
        return obs, info


class Negated(LearnedReward):
    def step(self, action: Any) -> Any:
        obs, reward, *rest = super().step(action)
        return obs, -reward, *rest


class Forgets(LearnedReward):
    def step(self, action: Any) -> Any:
        *given, info = super().step(action)
        return *given, {key: value for key, value in info.items() if key != "original_reward"}


class Rounds(LearnedReward):
    def step(self, action: Any) -> Any:
        *given, info = super().step(action)
        return *given, info | {"anomaly_score": round(info["anomaly_score"], 3)}


class Arrays(LearnedReward):
    def step(self, action: Any) -> Any:
        obs, reward, *rest = super().step(action)
        return obs, np.array([reward]), *rest


class Flags(LearnedReward):
    def step(self, action: Any) -> Any:
        *given, info = super().step(action)
        return *given, info | {"is_anomaly": not info["is_anomaly"]}


class PaysTheEnd(LearnedReward):
    """Pays the environment's own reward for the last step."""

    def step(self, action: Any) -> Any:
        obs, reward, terminated, truncated, info = super().step(action)
        reward = info["original_reward"] - 100 if terminated or truncated else reward
        return obs, reward, terminated, truncated, info


class Draws(LearnedReward):
    def step(self, action: Any) -> Any:
        torch.rand(1)
        return super().step(action)


class Noisy(LearnedReward):
    drawn = 0

    def step(self, action: Any) -> Any:
        obs, reward, *rest = super().step(action)
        Noisy.drawn += 1
        return obs, reward + Noisy.drawn, *rest


class Learns(LearnedReward):
    def step(self, action: Any) -> Any:
        self.online.model.mode.threshold.add_(1e-3)
        return super().step(action)


class OldSteps(LearnedReward):
    def step(self, action: Any) -> Any:
        obs, reward, terminated, _, info = super().step(action)
        return obs, reward, terminated, info


class Outside(LearnedReward):
    def step(self, action: Any) -> Any:
        obs, *rest = super().step(action)
        return obs.astype(np.float64), *rest


BROKEN = {
    "windows begin anew at a reset": NeverBegins,
    "the reward is the model's": Negated,
    "info has original_reward": Forgets,
    "the score is the model's": Rounds,
    "rewards are finite floats": Arrays,
    "is_anomaly is score above threshold": Flags,
    "the is_anomaly is the model's": Flags,
    "the last step is paid for the true last observation": PaysTheEnd,
    "the global random numbers are left alone": Draws,
    "the same seed gives the same rewards": Noisy,
    "the model is not changed": Learns,
    "step returns five": OldSteps,
    "observations are in their space": Outside,
}


@pytest.mark.parametrize("make", [scripted, lambda: gymnasium.make("Tiny/Cost-v0")])
def test_the_wrapper_of_the_package_passes(make: Callable[[], gymnasium.Env], model: RewardModel) -> None:
    import tests.tiny  # noqa: F401

    report = check_reward_env(LearnedReward(make(), model), model)
    report.raise_if_failed()
    assert len(report.checks) >= 21
    assert not any(check.detail for check in report.checks)  # every check applies


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_fails(name: str) -> None:
    own = small_model()
    (check,) = check_reward_env(BROKEN[name](scripted(), own), own, SHORT, only=[name]).checks
    assert not check.passed and check.detail and check.remedy


def test_a_bare_environment_fails(model: RewardModel) -> None:
    report = check_reward_env(scripted(), model, SHORT)
    assert {"info has anomaly_score", "the reward is the model's"} <= {check.name for check in report.failures}


def test_the_rewards_of_another_model_fail(model: RewardModel) -> None:
    report = check_reward_env(LearnedReward(scripted(), small_model()), model, SHORT)
    assert "the reward is the model's" in {check.name for check in report.failures}


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match=r"EnvironmentOptions\.steps must be an integer >= 1, got 0"):
        EnvironmentOptions(steps=0)
