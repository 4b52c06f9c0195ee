"""`LearnedRewardVecEnv` in every step and lazily, under Stable-Baselines3's wrappers and algorithms."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.utils.env_checker import data_equivalence
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from tests.sb3.stacks import lazy
from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.encoders.base import Identity
from tsreward.errors import MissingExtraError, NotFittedError, OptionError, ProtocolError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sb3 import vec_env as sb3
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS

LENGTHS = (7, 1, 12)


def scripted(num_envs: int = 2, monitor: bool = False, make: Any = DummyVecEnv, **kind: Any) -> VecEnv:
    def built(episodes: list[Episode]) -> Any:
        return Monitor(ScriptedEnv(episodes)) if monitor else ScriptedEnv(episodes)

    return make([partial(built, played) for played in scripts(2, num_envs, LENGTHS, **kind)])


def learned(model: RewardModel, number: int = 0, steps: int | None = None) -> np.ndarray:
    """Return the rewards of one scripted environment from its first step on, episode after episode."""
    played = scripts(2, number + 1, LENGTHS)[number]
    rewards = np.concatenate([earned.reward.numpy() for earned in relabel(model, played)] * 9)
    return rewards.astype(np.float32)[:steps]


def play(venv: VecEnv, steps: int) -> list[Any]:
    actions = np.zeros((venv.num_envs, 1), np.float32)
    return [venv.reset(), *(venv.step(actions) for _ in range(steps))]


def test_everything_but_the_reward_is_left_as_it_is(model: RewardModel) -> None:
    plain, found = play(scripted(3), 200), play(LearnedRewardVecEnv(scripted(3), model), 200)
    assert data_equivalence(plain[0], found[0], exact=True)
    for (obs, rewards, dones, infos), own in zip(plain[1:], found[1:], strict=True):
        assert [info["original_reward"] for info in own[3]] == rewards.tolist()
        assert [[type(info[key]) for key in INFO_KEYS] for info in own[3]] == [[float, float, float, bool]] * 3
        keys = (*INFO_KEYS, *EPISODE_KEYS)
        rest = [{key: value for key, value in info.items() if key not in keys} for info in own[3]]
        assert data_equivalence((obs, dones, infos), (own[0], own[2], rest), exact=True)


def test_rewards_are_fresh_arrays(model: RewardModel) -> None:
    """PPO adds to them in place when an episode is truncated."""
    venv = LearnedRewardVecEnv(scripted(), model)
    wanted = [step[1].tolist() for step in play(venv, 12)[1:]]
    venv = LearnedRewardVecEnv(scripted(), model)
    venv.reset()
    for expected in wanted:
        _, rewards, _, _ = venv.step(np.zeros((2, 1), np.float32))
        assert rewards.tolist() == expected
        rewards += 100.0


@pytest.mark.parametrize("between", [lambda venv: venv, VecMonitor, lambda venv: VecFrameStack(venv, 2)])
@pytest.mark.parametrize("norm_reward", [True, False])
def test_normalisation_inside_is_refused_with_the_right_order(
    between: Callable[[VecEnv], VecEnv], norm_reward: bool, model: RewardModel
) -> None:
    venv = between(VecNormalize(scripted(), norm_reward=norm_reward))
    with pytest.raises(ProtocolError, match=r"VecNormalize\(LearnedRewardVecEnv\(venv, model\)\)"):
        LearnedRewardVecEnv(venv, model)


def test_an_end_without_terminal_observation_is_refused(model: RewardModel) -> None:
    class Forgetful(VecMonitor):
        def step_wait(self) -> Any:
            *given, infos = super().step_wait()
            return *given, [{key: info[key] for key in info if key != "terminal_observation"} for info in infos]

    with pytest.raises(ProtocolError, match=r"Environment 1 ended an episode without infos\[1\]\['terminal_"):
        play(LearnedRewardVecEnv(Forgetful(scripted()), model), 7)


def test_a_reset_begins_new_episodes(model: RewardModel) -> None:
    venv = LearnedRewardVecEnv(scripted(1), model)
    play(venv, 3)  # stops in the first episode; the next reset goes on to the second one, of one step
    rewards = [step[1][0] for step in play(venv, 13)[1:]]
    assert rewards == learned(model, steps=20)[7:].tolist()


def test_without_stable_baselines3_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "stable_baselines3"]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("sb3_again", sb3.__file__)
    assert spec is not None and spec.loader is not None
    with pytest.raises(MissingExtraError, match=r"pip install .*\[sb3\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_a_monitor_outside_sums_the_learned_rewards_and_one_inside_those_of_the_environment(model: RewardModel) -> None:
    outside = play(VecMonitor(LearnedRewardVecEnv(scripted(1), model)), 7)[-1][3][0]["episode"]
    inside = play(LearnedRewardVecEnv(VecMonitor(scripted(1)), model), 7)[-1][3][0]["episode"]
    single = play(LearnedRewardVecEnv(scripted(1, monitor=True), model), 7)[-1][3][0]["episode"]
    true = scripts(2, 1, LENGTHS)[0][0].rewards
    assert outside["r"] == pytest.approx(learned(model, steps=7).sum())
    assert inside["r"] == single["r"] == pytest.approx(np.sum(true))
    assert outside["r"] != inside["r"]
    assert outside["l"] == inside["l"] == 7


def test_stacked_frames_inside_are_scored_as_they_are_given() -> None:
    model = small_model((6,), smoothing=0.5)
    venv = LearnedRewardVecEnv(VecFrameStack(scripted(1), 2), model)
    found = [step[1][0] for step in play(venv, 20)[1:]]
    wanted = []
    for episode in scripts(2, 1, LENGTHS)[0]:
        before = np.concatenate([np.zeros_like(episode.obs[:1]), episode.obs[:-1]])
        stacked = Episode(np.concatenate([before, episode.obs], 1), episode.rewards)
        wanted += relabel(model, [stacked])[0].reward.float().tolist()
    assert found == wanted


def test_normalisation_outside_works_on_the_learned_rewards(model: RewardModel) -> None:
    venv = VecNormalize(LearnedRewardVecEnv(scripted(), model))
    play(venv, 20)
    wanted = np.stack([learned(model, number, 20) for number in range(2)])
    assert venv.get_original_reward().tolist() == wanted[:, -1].tolist()
    PPO("MlpPolicy", venv, n_steps=32, batch_size=32, n_epochs=1, device="cpu").learn(64)


def test_ppo_learns_from_the_learned_rewards(model: RewardModel) -> None:
    agent = PPO("MlpPolicy", LearnedRewardVecEnv(scripted(), model), n_steps=16, batch_size=16, gamma=0.0, device="cpu")
    agent.learn(32)  # without discount, nothing is added where an episode is truncated
    for number in range(2):
        assert agent.rollout_buffer.rewards[:, number].tolist() == learned(model, number, 16).tolist()


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize("normalised", [False, True])
def test_replay_buffers_hold_the_learned_rewards(algorithm: Any, normalised: bool, model: RewardModel) -> None:
    venv: VecEnv = LearnedRewardVecEnv(scripted(1), model)
    if normalised:
        venv = VecNormalize(venv)
    agent = algorithm("MlpPolicy", venv, buffer_size=64, learning_starts=20, batch_size=8, device="cpu")
    agent.learn(25)
    assert agent.replay_buffer.rewards[:25, 0].tolist() == learned(model, steps=25).tolist()


def test_the_environment_can_be_asked_through_the_wrapper(model: RewardModel) -> None:
    venv = LearnedRewardVecEnv(scripted(), model)
    assert venv.num_envs == 2
    assert venv.get_attr("episodes")[0][0].obs.shape == (8, 3)
    assert venv.env_is_wrapped(Monitor) == [False, False]
    venv.close()


def test_lazily_everything_is_left_as_it_is(model: RewardModel) -> None:
    plain, found = play(scripted(3), 60), play(lazy(scripted(3), model, driven=True), 60)
    assert data_equivalence(plain[0], found[0], exact=True)
    for step, (*own, infos) in zip(plain[1:], found[1:], strict=True):
        assert [info.pop("ep_true_rew", None) is not None for info in infos] == step[2].tolist()
        assert data_equivalence(step, (*own, infos), exact=True)


@pytest.mark.parametrize("make", [DummyVecEnv, partial(SubprocVecEnv, start_method="fork")])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_lazy_rewards_are_those_of_every_step(model: RewardModel, num_envs: int, make: Any) -> None:
    steps = play(LearnedRewardVecEnv(scripted(num_envs), model), 130)[1:]
    venv = lazy(scripted(num_envs, make=make), model, driven=True)
    venv.reset()
    for part in (steps[:3], steps[3:50], steps[50:]):
        for _ in part:
            _, given, _, _ = venv.step(np.zeros((num_envs, 1), np.float32))
            given[:] = -100.0  # algorithms write into what they are given
        rewards, earned = venv.take()
        assert rewards.dtype == np.float32
        assert rewards.tolist() == [step[1].tolist() for step in part]
        infos = [step[3] for step in part]
        for key, found in zip(INFO_KEYS[1:], earned[1:], strict=True):
            assert found.tolist() == [[info[key] for info in row] for row in infos]
    venv.close()


@pytest.mark.parametrize(
    "kind", [{"dtype": np.float64}, {"dtype": np.uint8, "shape": (3, 2, 1)}], ids=["double precision", "images"]
)
def test_lazy_rewards_are_the_same_for_other_observations(kind: dict[str, Any]) -> None:
    venv = scripted(3, **kind)
    assert venv.observation_space.shape is not None
    model = small_model(venv.observation_space.shape, smoothing=0.5)
    wanted = [step[1].tolist() for step in play(LearnedRewardVecEnv(venv, model), 40)[1:]]
    venv = lazy(scripted(3, **kind), model, driven=True)
    play(venv, 40)
    assert venv.take()[0].tolist() == wanted


def test_lazy_stepping_is_refused_where_nobody_takes_the_rewards(model: RewardModel) -> None:
    venv = lazy(scripted(), model)
    venv.reset()
    with pytest.raises(ProtocolError, match=r"nobody takes them: train with .*callback=LearnedRewardCallback\(venv\)"):
        venv.step(np.zeros((2, 1), np.float32))


def test_a_mode_that_moves_is_refused_where_nobody_moves_it() -> None:
    lagrangian = small_model(mode="lagrangian")
    venv = LearnedRewardVecEnv(scripted(), lagrangian)
    venv.reset()
    with pytest.raises(
        ProtocolError, match=r"nothing moves its Lagrangian: train with .*LearnedRewardCallback\(venv\)"
    ):
        venv.step(np.zeros((2, 1), np.float32))
    venv.driven = True  # an evaluation
    venv.step(np.zeros((2, 1), np.float32))
    with pytest.raises(OptionError, match=r"and Lagrangian moves while an agent trains: use .*lazy=False"):
        lazy(scripted(), lagrangian)


def test_what_cannot_work_is_refused(model: RewardModel, unfitted: RewardModel) -> None:
    with pytest.raises(NotFittedError, match="LearnedRewardVecEnv got a model that is not fitted"):
        LearnedRewardVecEnv(scripted(), unfitted)
    with pytest.raises(ShapeError, match="LearnedRewardVecEnv: the environment gives observations"):
        LearnedRewardVecEnv(scripted(shape=(5,)), model)


def test_windows_are_there_after_they_were_taken(model: RewardModel) -> None:
    venv = lazy(scripted(), model, driven=True)
    with pytest.raises(ProtocolError, match="nothing was read yet"):
        venv.windows()
    play(venv, 5)
    venv.take()
    assert venv.windows().shape == (10, 4, 3)


def test_lazily_monitors_inside_report_the_true_return(model: RewardModel) -> None:
    true = scripts(2, 1, LENGTHS)[0][0].rewards
    single = DummyVecEnv([lambda: Monitor(ScriptedEnv(scripts(2, 1, LENGTHS)[0]))])
    for venv in (single, VecMonitor(scripted(1))):
        last = play(lazy(venv, model, driven=True), 7)[-1]
        assert last[3][0]["episode"]["r"] == pytest.approx(np.sum(true))


def test_the_age_of_a_step_is_the_number_of_those_before_it(model: RewardModel) -> None:
    venv = lazy(scripted(2), model, driven=True)
    venv.reset()
    ages = []
    for _ in range(40):
        venv.step(np.zeros((2, 1), np.float32))
        ages.append(venv.age.copy())
    for index, episodes in enumerate(scripts(2, 2, LENGTHS)):
        wanted = np.concatenate([np.arange(len(episode)) for episode in episodes * 9])
        assert np.stack(ages)[:, index].tolist() == wanted[:40].tolist()


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


def framed(num_envs: int = 2, make: Any = DummyVecEnv) -> VecEnv:
    def built(played: Any) -> gymnasium.Env:
        return SensorsAndFrames(ScriptedEnv(played))

    return VecMonitor(make([partial(built, played) for played in scripts(2, num_envs, LENGTHS)]))


@pytest.mark.parametrize("make", [DummyVecEnv, partial(SubprocVecEnv, start_method="fork")])
def test_frames_earn_what_the_same_observations_earn(model: RewardModel, make: Any) -> None:
    expected = [step[1].tolist() for step in play(LearnedRewardVecEnv(scripted(), model), 60)[1:]]
    venv = LearnedRewardVecEnv(framed(make=make), model, reward_obs="frame")
    assert [step[1].tolist() for step in play(venv, 60)[1:]] == expected
    venv = lazy(framed(), model, driven=True, reward_obs="frame")
    play(venv, 60)
    assert venv.take()[0].tolist() == expected


def test_every_frame_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoded = small_model(), []

    def encode(self: Identity, obs: torch.Tensor) -> torch.Tensor:
        encoded.append(obs.clone())
        return obs.flatten(1)

    monkeypatch.setattr(Identity, "encode", encode)
    model.chunk = 1  # without padding, which repeats rows
    venv = lazy(framed(), model, driven=True, reward_obs="frame")
    ends = sum(int(step[2].sum()) for step in play(venv, 30)[1:])
    venv.take()
    assert len(torch.cat(encoded)) == 2 + 30 * 2 + ends


def test_what_cannot_be_looked_at_is_refused(model: RewardModel) -> None:
    with pytest.raises(OptionError, match="reward_obs is 'observation' or 'frame', got 'sound'"):
        LearnedRewardVecEnv(scripted(), model, reward_obs="sound")  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=r"Environment 0 gave no info\['frame'\] for LearnedRewardVecEnv to look"):
        LearnedRewardVecEnv(scripted(), model, reward_obs="frame").reset()
    with pytest.raises(ShapeError, match=r"gives frames \(3,\) but the model reads \(5,\)"):
        lazy(framed(), small_model((5,)), reward_obs="frame").reset()
    with pytest.raises(ShapeError, match=r"gives observations \(1,\) but the model reads \(3,\)"):
        lazy(framed(), model)
