"""What every adapter checks before the first step, and how arrays reach torch."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Text
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from tests.scripted import ScriptedEnv, scripts
from tsreward.errors import DataError, NotFittedError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

ADAPTERS = {
    "LearnedReward": lambda env, model: LearnedReward(env, model),
    "LearnedRewardVector": lambda env, model: LearnedRewardVector(SyncVectorEnv([lambda: env]), model),
    "LearnedRewardVecEnv": lambda env, model: LearnedRewardVecEnv(DummyVecEnv([lambda: env]), model),
}


def scripted(space: gymnasium.Space | None = None) -> ScriptedEnv:
    return ScriptedEnv(scripts(0, 1)[0], space)


@pytest.mark.parametrize("name", ADAPTERS)
def test_another_shape_is_refused_with_both_shapes_and_the_remedy(name: str, model: RewardModel) -> None:
    with pytest.raises(ShapeError, match=rf"{name}: .* \(5,\) but the model reads \(3,\): fit a model on this"):
        ADAPTERS[name](scripted(Box(-1.0, 1.0, (5,))), model)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(
    ("space", "told"),
    [
        (Dict({"a": Box(-1.0, 1.0, (3,)), "b": Discrete(2)}), r"a \(3,\), b \(\), side by side \(5,\), .*--obs-key"),
        (Discrete(4), r"Discrete\(4\), side by side \(4,\), but the model reads \(3,\)"),
        (Text(4), "reads observations of numbers, got Text.*--obs-key"),
    ],
    ids=["dict", "discrete", "text"],
)
def test_other_spaces_are_refused_with_the_remedy(
    name: str, space: gymnasium.Space, told: str, model: RewardModel
) -> None:
    if isinstance(space, Text) and name == "LearnedRewardVecEnv":
        pytest.skip("Stable-Baselines3 makes no VecEnv of such")
    with pytest.raises(ShapeError, match=f"{name}.*{told}"):
        ADAPTERS[name](scripted(space), model)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_model_that_is_not_fitted_is_refused(name: str, unfitted: RewardModel) -> None:
    with pytest.raises(NotFittedError, match=rf"{name} got a model that is not fitted: call model.fit"):
        ADAPTERS[name](scripted(), unfitted)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_observation_that_is_not_finite_is_refused(name: str, value: float, model: RewardModel) -> None:
    env = scripted()
    env.episodes[1].obs[1, 0] = value  # the only step of the second episode
    wrapped = ADAPTERS[name](env, model)
    wrapped.reset()
    wrapped.reset()
    with pytest.raises(DataError, match=r"Environment\(s\) \[0\] gave NaN or inf"):
        wrapped.step(np.zeros((1, 1), np.float32))
