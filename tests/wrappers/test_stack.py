"""What must not stand inside a learned reward, what stands there on purpose, and what both of them then say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from tests.walk import Walk, walk_model
from tsreward.errors import OptionError, ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.sequences.episodes import Episode
from tsreward.testing import check_reward_env
from tsreward.wrappers.gymnasium_env import LearnedReward
from tsreward.wrappers.gymnasium_vector import LearnedRewardVector

LOW, HIGH = np.float32(-1), np.float32(1)
SINGLE: dict[str, Callable[[Any], gymnasium.Env]] = {
    "NormalizeObservation": wrappers.NormalizeObservation,
    "RescaleObservation": lambda env: wrappers.RescaleObservation(bounded(env), LOW, HIGH),
    "NormalizeReward": wrappers.NormalizeReward,
    "TransformReward": lambda env: wrappers.TransformReward(env, lambda reward: 0.1 * reward),
    "ClipReward": lambda env: wrappers.ClipReward(env, -0.1, 0.1),
}
VECTOR: dict[str, Callable[[Any], gymnasium.vector.VectorEnv]] = {
    "NormalizeObservation": vector.NormalizeObservation,
    "NormalizeReward": vector.NormalizeReward,
    "TransformReward": lambda envs: vector.TransformReward(envs, lambda reward: 0.1 * reward),
    "ClipReward": lambda envs: vector.ClipReward(envs, -0.1, 0.1),
}


def bounded(env: gymnasium.Env) -> gymnasium.Env:
    env.observation_space = gymnasium.spaces.Box(np.float32(-9), np.float32(9), (3,), np.float32)
    return env


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return walk_model("penalty")


def between(env: gymnasium.Env) -> gymnasium.Env:
    """Hide what is inside behind wrappers that are harmless."""
    return wrappers.RecordEpisodeStatistics(wrappers.TimeLimit(env, 30))


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("hidden", [False, True])
def test_a_normaliser_of_one_environment_is_refused_in_every_adapter(
    name: str, hidden: bool, model: RewardModel
) -> None:
    def make() -> gymnasium.Env:
        return between(SINGLE[name](Walk())) if hidden else SINGLE[name](Walk())

    with pytest.raises(ProtocolError, match=rf"LearnedReward got a {name} inside.*allow_normalised=True"):
        LearnedReward(make(), model)
    with pytest.raises(ProtocolError, match=rf"LearnedRewardVector got a {name} inside"):
        LearnedRewardVector(SyncVectorEnv([make] * 2), model)
    with pytest.raises(ProtocolError, match=rf"LearnedRewardVecEnv got a {name} inside"):
        LearnedRewardVecEnv(VecMonitor(DummyVecEnv([make] * 2)), model)


@pytest.mark.parametrize("name", VECTOR)
def test_a_normaliser_of_a_vector_environment_is_refused(name: str, model: RewardModel) -> None:
    envs = vector.RecordEpisodeStatistics(VECTOR[name](SyncVectorEnv([Walk] * 2)))
    with pytest.raises(ProtocolError, match=rf"LearnedRewardVector got a {name} inside"):
        LearnedRewardVector(envs, model)


@pytest.mark.parametrize("name", SINGLE)
def test_a_normaliser_in_another_process_is_refused(name: str, model: RewardModel) -> None:
    def make() -> gymnasium.Env:
        return between(SINGLE[name](Walk()))

    envs = AsyncVectorEnv([make, make])
    with pytest.raises(ProtocolError, match=f"LearnedRewardVector got a {name} inside"):
        LearnedRewardVector(envs, model)
    LearnedRewardVector(envs, model, allow_normalised=True).close()  # the refusal has not closed them
    venv = SubprocVecEnv([make, make], start_method="fork")
    base = "TransformReward" if name == "ClipReward" else name
    with pytest.raises(ProtocolError, match=f"LearnedRewardVecEnv got a {base} inside"):
        LearnedRewardVecEnv(VecMonitor(venv), model)
    venv.close()


def test_a_running_normaliser_under_another_name_is_found_in_another_process(model: RewardModel) -> None:
    class Mine(wrappers.NormalizeObservation):
        pass

    envs = AsyncVectorEnv([lambda: Mine(Walk())])
    with pytest.raises(ProtocolError, match="got a NormalizeObservation inside"):
        LearnedRewardVector(vector.RecordEpisodeStatistics(envs), model)
    envs.close()
    LearnedRewardVector(AsyncVectorEnv([lambda: between(Walk())]), model).close()


def test_a_model_of_normalised_data_is_taken_where_that_is_said(model: RewardModel) -> None:
    env = LearnedReward(wrappers.NormalizeReward(Walk()), model, allow_normalised=True)
    env.reset(seed=0)
    assert np.isfinite(env.step(np.ones(1))[1])


def test_a_wrapper_that_leaves_numbers_alone_is_no_normaliser(model: RewardModel) -> None:
    LearnedReward(wrappers.DtypeObservation(between(Walk()), np.float64), model)


def test_a_learned_reward_inside_another_is_refused(model: RewardModel) -> None:
    def once() -> LearnedReward:
        return LearnedReward(Walk(), model)

    for outer in (
        lambda: LearnedReward(between(once()), model),
        lambda: LearnedRewardVector(SyncVectorEnv([once] * 2), model),
        lambda: LearnedRewardVector(LearnedRewardVector(SyncVectorEnv([Walk] * 2), model), model),
        lambda: LearnedRewardVecEnv(DummyVecEnv([once] * 2), model),
        lambda: LearnedRewardVecEnv(VecMonitor(LearnedRewardVecEnv(DummyVecEnv([Walk] * 2), model)), model),
    ):
        with pytest.raises(ProtocolError, match=r"got a LearnedReward\w* inside, .*nested=True"):
            outer()
    for made in (AsyncVectorEnv([once]), SubprocVecEnv([once], start_method="fork")):
        adapter: Any = LearnedRewardVector if isinstance(made, AsyncVectorEnv) else LearnedRewardVecEnv
        with pytest.raises(ProtocolError, match="got a LearnedReward inside"):
            adapter(made, model)
        made.close()


INNER = {"inner_anomaly_score", "inner_anomaly_p_value", "inner_is_anomaly", "inner_reward"}


def test_a_penalty_on_top_of_a_likeness_keeps_both_apart(model: RewardModel) -> None:
    likeness = walk_model("likeness", false_alarm_rate=0.2)
    plain, env = Walk(), LearnedReward(LearnedReward(Walk(), likeness), model, nested=True)
    obs, true = [plain.reset(seed=3)[0]], []
    env.reset(seed=3)
    steps = []
    for number in range(40):
        action = np.array([np.sin(number)])
        given = plain.step(action)
        obs.append(given[0])
        true.append(given[1])
        steps.append(env.step(action))
        if given[2] or given[3]:
            break
    inner = relabel(likeness, Episode(np.stack(obs), np.array(true)))
    outer = relabel(model, Episode(np.stack(obs), inner.reward.numpy()))
    infos = [step[4] for step in steps]
    assert [step[1] for step in steps] == outer.reward.tolist()
    assert [info["original_reward"] for info in infos] == true
    assert [info["anomaly_score"] for info in infos] == outer.score.tolist()
    assert [info["inner_anomaly_score"] for info in infos] == inner.score.tolist()
    assert [info["inner_is_anomaly"] for info in infos] == inner.is_anomaly.tolist()
    assert [info["inner_reward"] for info in infos] == inner.reward.tolist()
    last = infos[-1]
    assert last["ep_true_rew"] == pytest.approx(sum(true))
    assert last["ep_learned_rew"] == pytest.approx(sum(outer.reward.tolist()))
    assert last["inner_ep_learned_rew"] == pytest.approx(sum(inner.reward.tolist()))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("single", [True, False])
def test_vectors_keep_both_apart_too(mode: AutoresetMode, single: bool, model: RewardModel) -> None:
    likeness = walk_model("likeness", false_alarm_rate=0.2)
    makes = [lambda: LearnedReward(Walk(), likeness)] * 2 if single else [Walk] * 2
    envs: Any = SyncVectorEnv(makes, autoreset_mode=mode)
    envs = LearnedRewardVector(envs if single else LearnedRewardVector(envs, likeness), model, nested=True)
    bare: Any = SyncVectorEnv([Walk] * 2, autoreset_mode=mode)
    envs.reset(seed=[1, 2])
    bare.reset(seed=[1, 2])
    true, sums = np.zeros(2), []
    for number in range(90):
        actions = np.array([[np.sin(number)], [0.3]], np.float32)
        paid = bare.step(actions)[1]
        _, _, terminated, truncated, infos = envs.step(actions)
        ended = terminated | truncated
        assert infos["original_reward"].tolist() == pytest.approx(paid.tolist())
        assert infos["_original_reward"].any() or mode is AutoresetMode.NEXT_STEP
        true += paid
        if ended.any():
            assert infos["_ep_true_rew"].tolist() == ended.tolist()
            sums += zip(infos["ep_true_rew"][ended], true[ended], strict=True)
            true[ended] = 0
        assert set(infos) >= {"inner_reward", "_inner_reward"}
    assert len(sums) >= 3
    assert all(found == pytest.approx(wanted) for found, wanted in sums)


def test_a_vec_env_keeps_both_apart_too(model: RewardModel) -> None:
    likeness = walk_model("likeness", false_alarm_rate=0.2)
    venv = LearnedRewardVecEnv(LearnedRewardVecEnv(DummyVecEnv([Walk] * 2), likeness), model, nested=True)
    venv.seed(5)
    venv.reset()
    true = np.zeros(2)
    ends = 0
    for _ in range(90):
        _, _, dones, infos = venv.step(np.full((2, 1), 0.3, np.float32))
        for index, info in enumerate(infos):
            assert set(info) >= INNER
            assert info["original_reward"] == pytest.approx(0.3)
            true[index] += info["original_reward"]
            if dones[index]:
                ends += 1
                assert info["ep_true_rew"] == pytest.approx(true[index])
                true[index] = 0
    assert ends > 2
    assert len(venv.finished) == ends


def test_a_mode_that_nobody_moves_is_refused() -> None:
    model = walk_model("lagrangian")
    words = r"Lagrangian nothing moves, so its multiplier stays 0: .*fixed\(1.0\); or say driven=True"
    with pytest.raises(ProtocolError, match=words):
        LearnedReward(Walk(), model)
    with pytest.raises(ProtocolError, match=words):
        LearnedRewardVector(SyncVectorEnv([Walk]), model)
    venv = LearnedRewardVecEnv(DummyVecEnv([Walk]), model)
    venv.reset()
    with pytest.raises(ProtocolError, match="nothing moves its Lagrangian"):
        venv.step(np.zeros((1, 1), np.float32))
    walk = Episode(np.zeros((9, 3), np.float32), np.ones(8))
    with pytest.raises(ProtocolError, match=r"an agent's training moves: .*multiplier is 0\. .*--multiplier"):
        relabel(model, walk)
    with pytest.raises(OptionError, match="A multiplier is for the mode lagrangian, but this model's is Likeness"):
        relabel(walk_model("likeness"), walk, multiplier=1.0)


def test_a_multiplier_that_stays_takes_something_off() -> None:
    model = walk_model("lagrangian")
    far = Episode(np.full((9, 3), 30, np.float32), np.ones(8))
    assert relabel(model, far).is_anomaly.all() if not model.mode.moves_while_training else True
    paid = relabel(model, far, multiplier=2.0)
    assert paid.is_anomaly.all()
    assert paid.reward.tolist() == pytest.approx([(1 - 2 * float(model.mode.unit)) / 3] * 8)
    assert float(model.mode.multiplier) == 0.0  # the model itself is as it was
    fixed = model.with_mode(model.mode.fixed(2.0))
    assert relabel(fixed, far).reward.tolist() == paid.reward.tolist()
    fixed.mode.update(1.0)
    assert float(fixed.mode.multiplier) == 2.0
    env = LearnedReward(Walk(), fixed)
    env.reset(seed=0)
    assert np.isfinite(env.step(np.ones(1))[1])


def test_the_checker_says_what_is_not_taken_off() -> None:
    model = walk_model("lagrangian")
    env = LearnedReward(Walk(), model, driven=True)
    failed = [check.name for check in check_reward_env(env, model).failures]
    assert failed == ["flagged steps are paid less"]
    model.mode.multiplier.fill_(1.0)
    assert check_reward_env(LearnedReward(Walk(), model, driven=True), model).passed


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_autoreset_mode_is_a_property(mode: AutoresetMode, model: RewardModel) -> None:
    envs = LearnedRewardVector(SyncVectorEnv([Walk], autoreset_mode=mode), model)
    assert isinstance(type(envs).autoreset_mode, property)
    assert envs.autoreset_mode is mode
