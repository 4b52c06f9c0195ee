"""One scripted environment, one set of rewards: through every adapter, in every autoreset mode, and in bulk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from tests.scripted import DenseFinalObsEnv, Earned, ScriptedEnv, scripts, small_model
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

STEPS = 26  # every environment plays its four episodes, begins again, and stops in the middle of one
Rewards = dict[tuple[int, int], Earned]
"""(environment, running number of its episode) -> what its transitions earned."""


@pytest.fixture(
    scope="module",
    params=list(product(("penalty", "likeness"), (0.0, 0.6), (1, 2))),
    ids=lambda param: "{}-smoothing{}-skip{}".format(*param),
)
def any_model(request: pytest.FixtureRequest) -> RewardModel:
    mode, smoothing, frame_skip = request.param
    return small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip)


def in_bulk(model: RewardModel, episodes: list[list[Episode]]) -> Rewards:
    """Return what `relabel` gives, for as many episodes as any environment reaches in STEPS steps."""
    rewards = {}
    for env, played in enumerate(episodes):
        earned = [
            Earned(earned.reward.tolist(), list(episode.rewards), *(part.tolist() for part in earned[1:]))
            for episode, earned in zip(played, relabel(model, played), strict=True)
        ]
        rewards |= {(env, number): earned[number % len(played)] for number in range(STEPS)}
    return rewards


def single(model: RewardModel, episodes: list[list[Episode]]) -> Rewards:
    rewards: Rewards = defaultdict(Earned)
    for env_number, played in enumerate(episodes):
        env = LearnedReward(ScriptedEnv(played), model)
        env.reset()
        number = 0
        for _ in range(STEPS):
            _, reward, terminated, truncated, info = env.step(env.action_space.sample())
            rewards[env_number, number].add(reward, info)
            if terminated or truncated:
                env.reset()
                number += 1
    return rewards


def vector(
    make: Callable[..., VectorEnv], mode: AutoresetMode, model: RewardModel, episodes: list[list[Episode]]
) -> Rewards:
    bare = make([partial(ScriptedEnv, played) for played in episodes], autoreset_mode=mode)
    assert bare.autoreset_mode is mode
    return play(LearnedRewardVector(bare, model))


def play(envs: LearnedRewardVector) -> Rewards:
    mode = envs.unwrapped.autoreset_mode
    rewards: Rewards = defaultdict(Earned)
    numbers, waiting = np.zeros(envs.num_envs, int), np.zeros(envs.num_envs, bool)
    envs.reset()
    for _ in range(STEPS):
        _, reward, terminated, truncated, infos = envs.step(envs.action_space.sample())
        ended = terminated | truncated
        for env in range(envs.num_envs):
            info = {
                key: infos[key][env] for key in ("original_reward", "anomaly_score", "anomaly_p_value", "is_anomaly")
            }
            moved = not (waiting[env] and mode is AutoresetMode.NEXT_STEP)
            assert all(infos[f"_{key}"][env] == moved for key in info)
            if moved:
                rewards[env, numbers[env]].add(reward[env], info)
            else:
                assert (reward[env], *info.values()) == (0.0, 0.0, 0.0, 1.0, False)
        numbers += ended
        waiting = ended
        if mode is AutoresetMode.DISABLED and ended.any():
            options = {"reset_mask": ended}
            envs.reset(options=options)
            assert options == {"reset_mask": ended}
    envs.close()
    return rewards


def dense_final_obs(model: RewardModel, episodes: list[list[Episode]]) -> Rewards:
    return play(LearnedRewardVector(DenseFinalObsEnv([ScriptedEnv(played) for played in episodes]), model))


def sb3(make: Callable[..., VecEnv], model: RewardModel, episodes: list[list[Episode]]) -> Rewards:
    venv = LearnedRewardVecEnv(make([partial(ScriptedEnv, played) for played in episodes]), model)
    rewards: Rewards = defaultdict(Earned)
    numbers = np.zeros(venv.num_envs, int)
    venv.reset()
    for _ in range(STEPS):
        _, reward, dones, infos = venv.step(np.zeros((venv.num_envs, 1), np.float32))
        assert reward.dtype == np.float32
        for env, info in enumerate(infos):
            rewards[env, numbers[env]].add(reward[env], info)
        numbers += dones
    venv.close()
    return rewards


ADAPTERS = {
    "single": single,
    "sync-next-step": partial(vector, SyncVectorEnv, AutoresetMode.NEXT_STEP),
    "sync-same-step": partial(vector, SyncVectorEnv, AutoresetMode.SAME_STEP),
    "sync-disabled": partial(vector, SyncVectorEnv, AutoresetMode.DISABLED),
    "shared-obs": partial(vector, partial(SyncVectorEnv, copy=False), AutoresetMode.NEXT_STEP),
    "dense-final-obs": dense_final_obs,
    "sb3": partial(sb3, DummyVecEnv),
}


def check_equal(found: Rewards, wanted: Rewards, num_envs: int, single_precision: bool = False) -> None:
    """Every reward, score, p_value and flag is the same number; the last episodes may be cut off."""
    cast = np.float32 if single_precision else float
    assert {env for env, _ in found} == set(range(num_envs))
    for key, earned in found.items():
        for name, values in vars(earned).items():
            expected = [cast(value) for value in vars(wanted[key])[name][: len(values)]]
            assert values == expected, (key, name)
    for (env, number), (after, _) in pairwise(sorted(found)):
        if env == after:
            assert len(found[env, number].reward) == len(wanted[env, number].reward), "an episode is not complete"


@pytest.mark.parametrize("num_envs", [1, 3, 8])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_rewards_are_the_same_through_every_adapter(any_model: RewardModel, adapter: str, num_envs: int) -> None:
    episodes = scripts(num_envs, num_envs)
    found = ADAPTERS[adapter](any_model, episodes)
    assert len(found) > 4 * num_envs
    check_equal(found, in_bulk(any_model, episodes), num_envs, single_precision=adapter == "sb3")


@pytest.mark.parametrize("shared_memory", [True, False])
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_rewards_are_the_same_from_gymnasium_processes(
    model: RewardModel, mode: AutoresetMode, shared_memory: bool
) -> None:
    episodes = scripts(3, 2)
    found = vector(partial(AsyncVectorEnv, shared_memory=shared_memory), mode, model, episodes)
    check_equal(found, in_bulk(model, episodes), 2)


def test_rewards_are_the_same_from_stable_baselines3_processes(model: RewardModel) -> None:
    episodes = scripts(3, 2)
    found = sb3(partial(SubprocVecEnv, start_method="fork"), model, episodes)
    check_equal(found, in_bulk(model, episodes), 2, single_precision=True)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_vector_of_wrapped_environments_earns_the_same(model: RewardModel, mode: AutoresetMode) -> None:
    episodes = scripts(4, 3)
    inside = SyncVectorEnv(
        [lambda played=played: LearnedReward(ScriptedEnv(played), model) for played in episodes],
        autoreset_mode=mode,
    )
    outside = SyncVectorEnv([partial(ScriptedEnv, played) for played in episodes], autoreset_mode=mode)
    assert inside.autoreset_mode is outside.autoreset_mode is mode
    outside = LearnedRewardVector(outside, model)
    inside.reset()
    outside.reset()
    for _ in range(STEPS):
        steps = [envs.step(inside.action_space.sample()) for envs in (inside, outside)]
        assert steps[0][1].tolist() == steps[1][1].tolist()
        ended = steps[0][2] | steps[0][3]
        if mode is AutoresetMode.DISABLED and ended.any():
            inside.reset(options={"reset_mask": ended.copy()})
            outside.reset(options={"reset_mask": ended.copy()})


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "kind", [{"dtype": np.float64}, {"dtype": np.uint8, "shape": (3, 2, 1)}], ids=["double precision", "images"]
)
def test_rewards_are_the_same_for_other_observations(kind: dict[str, Any], adapter: str) -> None:
    episodes = scripts(1, 3, **kind)
    model = small_model(episodes[0][0].obs.shape[1:], smoothing=0.5)
    found = ADAPTERS[adapter](model, episodes)
    check_equal(found, in_bulk(model, episodes), 3, single_precision=adapter == "sb3")


def test_something_is_flagged_and_something_is_not(any_model: RewardModel) -> None:
    """So that equality above is not the equality of nothing."""
    earned = in_bulk(any_model, scripts(8, 8))
    flags = [flag for episode in earned.values() for flag in episode.is_anomaly]
    assert 0 < sum(flags) < len(flags)
    assert any(episode.reward != episode.original_reward for episode in earned.values())


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_reset_in_mid_episode_starts_only_that_environment(model: RewardModel, mode: AutoresetMode) -> None:
    episodes = scripts(5, 3, lengths=(9, 9))
    envs = LearnedRewardVector(
        SyncVectorEnv([partial(ScriptedEnv, played) for played in episodes], autoreset_mode=mode), model
    )
    assert envs.unwrapped.autoreset_mode is mode
    envs.reset()
    rewards = np.array([envs.step(envs.action_space.sample())[1] for _ in range(3)])
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    rewards = np.vstack([rewards, [envs.step(envs.action_space.sample())[1] for _ in range(6)]])
    bulk = [[relabel(model, [episode])[0].reward.numpy() for episode in played] for played in episodes]
    assert rewards[:, 0].tolist() == bulk[0][0].tolist()
    assert rewards[:, 1].tolist() == [*bulk[1][0][:3], *bulk[1][1][:6]]
    assert rewards[:, 2].tolist() == bulk[2][0].tolist()


def test_a_reset_after_an_end_takes_the_place_of_the_reset_by_itself(model: RewardModel) -> None:
    episodes = scripts(6, 2, lengths=(2, 4))
    envs = LearnedRewardVector(SyncVectorEnv([partial(ScriptedEnv, played) for played in episodes]), model)
    assert envs.unwrapped.autoreset_mode is AutoresetMode.NEXT_STEP
    envs.reset()
    ended = [envs.step(envs.action_space.sample())[2:4] for _ in range(2)][-1]
    envs.reset(options={"reset_mask": np.logical_or(*ended)})
    _, reward, _, _, infos = envs.step(envs.action_space.sample())
    assert infos["_anomaly_score"].all()
    assert reward[0] == relabel(model, [episodes[0][1]])[0].reward[0]
