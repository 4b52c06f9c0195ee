"""`LearnedReward` changes the reward and adds its keys; everything else is the environment's."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.wrappers import RecordEpisodeStatistics, RescaleAction, TimeLimit

from tests.scripted import ScriptedEnv, play_single, scripts, small_model
from tsreward.envs.make import make
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import RandomNetworkDistillation
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS


def environment(id: str) -> gymnasium.Env:
    if id.startswith("Safety") and importlib.util.find_spec("safety_gymnasium") is None:
        pytest.skip("safety-gymnasium is not installed")
    return ScriptedEnv(scripts(0, 1)[0]) if id == "scripted" else make(id)


@pytest.mark.parametrize("id", ["scripted", "Pendulum-v1", "CartPole-v1", "SafetyPointGoal1-v0"])
def test_everything_but_the_reward_is_left_as_it_is(id: str) -> None:
    bare, inner = environment(id), environment(id)
    env = LearnedReward(inner, small_model(inner.observation_space.shape))
    assert env.observation_space == bare.observation_space
    assert env.action_space == bare.action_space
    plain, learned = play_single(bare, 200, seed=3), play_single(env, 200, seed=3)
    for wanted, found in zip(plain, learned, strict=True):
        if len(found) == 5:
            info = found[4]
            own = {key: info.pop(key) for key in INFO_KEYS}
            sums = [info.pop(key) for key in EPISODE_KEYS if key in info]
            assert [*map(type, sums)] == [float, float] * (found[2] or found[3])
            assert own["original_reward"] == wanted[1]
            assert [type(found[1]), *map(type, list(own.values())[1:])] == [float, float, float, bool]
            wanted, found = (*wanted[:1], *wanted[2:]), (*found[:1], *found[2:])
        assert data_equivalence(wanted, found, exact=True)
    env.close()


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_the_checker_says_nothing_that_it_does_not_say_of_the_bare_environment() -> None:
    check_env(
        LearnedReward(RescaleAction(gymnasium.make("Pendulum-v1"), -1, 1), small_model((3,))), skip_render_check=True
    )


def test_the_checker_says_the_same_of_an_environment_with_its_own_faults(model: RewardModel) -> None:
    said = []
    for env in (TimeLimit(ScriptedEnv(scripts(0, 1)[0]), 3), LearnedReward(ScriptedEnv(scripts(0, 1)[0]), model)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check_env(env, skip_render_check=True)
        said.append([str(warning.message) for warning in caught if "unwrapped version" not in str(warning.message)])
    assert said[0] == said[1]
    assert said[0]


def test_the_recorded_arguments_make_the_same_environment_again() -> None:
    model = small_model((3,))
    again = gymnasium.make(LearnedReward(gymnasium.make("Pendulum-v1"), model).spec)
    assert isinstance(again, LearnedReward)
    assert again.stream.model is model


def test_statistics_outside_sum_the_learned_rewards(model: RewardModel) -> None:
    given = play_single(RecordEpisodeStatistics(LearnedReward(ScriptedEnv(scripts(0, 1, (20,))[0]), model)), 20)
    steps = [entry for entry in given if len(entry) == 5]
    assert steps[-1][4]["episode"]["r"] == pytest.approx(sum(step[1] for step in steps))
    assert sum(step[1] for step in steps) != sum(step[4]["original_reward"] for step in steps)


def test_a_bonus_is_added(model: RewardModel) -> None:
    episodes = scripts(0, 1)[0]
    bonus = RandomNetworkDistillation(model.window, model.scorer.dim, weight=2.0)
    plain, richer = (play_single(LearnedReward(ScriptedEnv(episodes), model, extra), 5) for extra in (None, bonus))
    for entry, other in zip(plain, richer, strict=True):
        if len(entry) == 5:
            assert other[1] > entry[1]
            other[4].pop("ep_learned_rew", None), entry[4].pop("ep_learned_rew", None)
            assert other[4] == entry[4]


def test_the_info_of_the_environment_is_not_written_to(model: RewardModel) -> None:
    class Sharing(ScriptedEnv):
        shared: ClassVar[dict[str, Any]] = {}

        def step(self, action: Any) -> Any:
            return *super().step(action)[:4], self.shared

    env = LearnedReward(Sharing(scripts(0, 1)[0]), model)
    env.reset()
    assert set(env.step(np.zeros(1))[4]) == set(INFO_KEYS)
    assert Sharing.shared == {}
