"""`RolloutRewards`: rollouts, statistics and agents are those of the wrapper that scores in every step, to the bit."""

from __future__ import annotations

import io
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecMonitor, VecNormalize

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.errors import ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.rollout_rewards import RolloutRewards
from tsreward.sb3.vec_env import LearnedRewardVecEnv

ROLLOUT = 17  # steps; episodes of 2, 1, 9, 5, 30 and 7 steps cross the borders of rollouts, and end in all places


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


def scripted() -> VecEnv:
    return DummyVecEnv([partial(ScriptedEnv, played) for played in scripts(2, 3, (2, 1, 9, 5, 30, 7))])


class Rollouts(BaseCallback):
    """Keeps what every rollout was learned from."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []
        self.truncated = self.terminated = 0
        self.stop_at = stop_at

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            self.truncated += bool(done and info["TimeLimit.truncated"])
            self.terminated += bool(done and not info["TimeLimit.truncated"])
        return self.n_calls != self.stop_at

    def _on_rollout_end(self) -> None:
        buffer = self.locals["rollout_buffer"]
        parts = (buffer.observations, buffer.rewards, buffer.values, buffer.returns, buffer.advantages)
        self.seen.append(tuple(part.tolist() for part in parts))


def trained(
    bulk: bool,
    model: RewardModel,
    algorithm: Any = PPO,
    normalise: dict[str, Any] | None = None,
    learn: tuple[dict[str, Any], ...] = ({"total_timesteps": 200},),
    stop_at: int | None = None,
) -> tuple[Any, Rollouts]:
    venv: VecEnv = BulkRewardVecEnv(scripted(), model) if bulk else LearnedRewardVecEnv(scripted(), model)
    outer = venv if normalise is None else VecNormalize(venv, **normalise)
    batch = {"batch_size": ROLLOUT, "n_epochs": 2} if algorithm is PPO else {}
    agent = algorithm("MlpPolicy", outer, n_steps=ROLLOUT, gamma=0.9, seed=3, device="cpu", **batch)
    watch = Rollouts(stop_at)
    for times in learn:
        callbacks: list[BaseCallback] = [RolloutRewards(venv)] if isinstance(venv, BulkRewardVecEnv) else []
        agent.learn(**times, callback=[*callbacks, watch])
    return agent, watch


def check_equal(step: tuple[Any, Rollouts], bulk: tuple[Any, Rollouts]) -> None:
    for one, other in zip(step[1].seen, bulk[1].seen, strict=True):
        assert one == other
    weights = [agent.policy.state_dict() for agent, _ in (step, bulk)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    normalisers = [agent.get_vec_normalize_env() for agent, _ in (step, bulk)]
    if normalisers[0] is not None:
        one, other = normalisers
        assert vars(one.ret_rms) == vars(other.ret_rms)
        assert type(other.ret_rms) is RunningMeanStd
        assert one.returns.tolist() == other.returns.tolist()
        assert one.obs_rms.mean.tolist() == other.obs_rms.mean.tolist()


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize(
    "normalise",
    [None, {}, {"norm_reward": False}, {"training": False}, {"gamma": 0.5, "clip_reward": 0.3}],
    ids=["plain", "normalised", "observations", "frozen", "clipped"],
)
def test_agents_are_the_same_to_the_bit(algorithm: Any, normalise: dict[str, Any] | None, model: RewardModel) -> None:
    step, bulk = (trained(way, model, algorithm, normalise) for way in (False, True))
    assert len(bulk[1].seen) == 4
    assert bulk[1].truncated > 5
    assert bulk[1].terminated > 5
    check_equal(step, bulk)


@pytest.mark.parametrize(("mode", "smoothing", "frame_skip"), [("penalty", 0.0, 3), ("likeness", 0.9, 1)])
def test_agents_are_the_same_with_every_kind_of_reward(mode: str, smoothing: float, frame_skip: int) -> None:
    model = small_model(mode=mode, smoothing=smoothing, frame_skip=frame_skip)
    check_equal(*(trained(way, model, normalise={}) for way in (False, True)))


def test_the_learned_rewards_matter(model: RewardModel) -> None:
    """So that equality above is not the equality of environments that pay the same."""
    plain = PPO("MlpPolicy", scripted(), n_steps=ROLLOUT, batch_size=ROLLOUT, gamma=0.0, seed=3, device="cpu")
    watch = Rollouts()
    plain.learn(50, callback=watch)
    assert trained(True, model)[1].seen[0][1] != watch.seen[0][1]


@pytest.mark.parametrize(
    "learn",
    [
        ({"total_timesteps": 60}, {"total_timesteps": 60, "reset_num_timesteps": False}),
        ({"total_timesteps": 60}, {"total_timesteps": 60}),
    ],
    ids=["going on", "anew"],
)
@pytest.mark.parametrize("stop_at", [None, 5, 17, 25])
def test_training_may_stop_anywhere_and_go_on(
    learn: tuple[dict[str, Any], ...], stop_at: int | None, model: RewardModel
) -> None:
    check_equal(*(trained(way, model, normalise={}, learn=learn, stop_at=stop_at) for way in (False, True)))


def test_a_training_that_crashed_can_be_done_again(model: RewardModel) -> None:
    class Crash(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 20:
                raise RuntimeError("crash")
            return True

    venv = BulkRewardVecEnv(scripted(), model)
    normaliser = VecNormalize(venv)
    agent = PPO("MlpPolicy", normaliser, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    with pytest.raises(RuntimeError, match="crash"):
        agent.learn(100, callback=[RolloutRewards(venv), Crash()])
    agent.learn(100, callback=RolloutRewards(venv))
    assert type(normaliser.ret_rms) is RunningMeanStd
    assert normaliser.ret_rms.count > 100


def test_a_checkpoint_in_mid_rollout_is_a_plain_one(model: RewardModel) -> None:
    class Checkpoint(BaseCallback):
        loaded: VecNormalize

        def _on_step(self) -> bool:
            if self.n_calls == ROLLOUT + 5:
                self.loaded = pickle.loads(pickle.dumps(self.training_env))
                self.agent = io.BytesIO()
                self.model.save(self.agent)
            return True

    venv, checkpoint = BulkRewardVecEnv(scripted(), model), Checkpoint()
    agent = PPO("MlpPolicy", VecNormalize(venv), n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    agent.learn(100, callback=[RolloutRewards(venv), checkpoint])
    assert type(checkpoint.loaded.ret_rms) is RunningMeanStd
    assert checkpoint.loaded.ret_rms.count == pytest.approx(3 * ROLLOUT, abs=0.01)  # all rollouts that are complete
    checkpoint.agent.seek(0)
    PPO.load(checkpoint.agent, scripted(), device="cpu").learn(20)  # nothing of this package is in it


def test_the_logger_gets_the_learned_reward(model: RewardModel) -> None:
    from stable_baselines3.common.logger import Logger

    class Kept(Logger):
        def __init__(self) -> None:
            super().__init__(None, [])
            self.rows: list[dict[str, Any]] = []

        def dump(self, step: int = 0) -> None:
            self.rows.append(dict(self.name_to_value))

    venv, kept = BulkRewardVecEnv(VecMonitor(scripted()), model), Kept()
    agent = PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, gamma=0.0, device="cpu")
    agent.set_logger(kept)
    watch = Rollouts()
    agent.learn(100, callback=[RolloutRewards(venv), watch])
    for row, seen in zip(kept.rows, watch.seen, strict=True):
        assert row["rollout/learned_reward"] == pytest.approx(np.mean(seen[1]))
        assert 0 <= row["rollout/is_anomaly"] <= 1
        assert "rollout/ep_rew_mean" in row


def test_frames_may_be_stacked_outside(model: RewardModel) -> None:
    venv = BulkRewardVecEnv(scripted(), model)
    agent = PPO("MlpPolicy", VecFrameStack(venv, 2), n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    agent.learn(100, callback=RolloutRewards(venv))


def test_what_cannot_work_is_refused(model: RewardModel) -> None:
    def learn(agent: Any, venv: BulkRewardVecEnv) -> None:
        agent.learn(2 * ROLLOUT, callback=RolloutRewards(venv))

    def ppo(venv: VecEnv) -> PPO:
        return PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")

    bulk, other = (BulkRewardVecEnv(scripted(), model) for _ in range(2))
    with pytest.raises(ProtocolError, match=r"is for PPO and A2C, got SAC: .* take ReplayRewards\(venv\)"):
        learn(SAC("MlpPolicy", bulk, buffer_size=99, device="cpu"), bulk)
    with pytest.raises(ProtocolError, match=r"VecMonitor stands outside .*: put it inside"):
        learn(ppo(VecMonitor(bulk)), bulk)
    with pytest.raises(ProtocolError, match="VecNormalize stands outside"):
        learn(ppo(VecNormalize(VecNormalize(bulk))), bulk)
    with pytest.raises(ProtocolError, match="give the callback the one that the algorithm trains on"):
        learn(ppo(bulk), other)
    with pytest.raises(ProtocolError, match="nobody takes the learned rewards"):
        ppo(bulk).learn(2 * ROLLOUT)


def test_steps_that_are_not_of_the_training_are_refused(model: RewardModel) -> None:
    class Meddler(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 3:
                self.training_env.step(np.zeros((3, 1), np.float32))
            return True

    venv = BulkRewardVecEnv(scripted(), model)
    agent = PPO("MlpPolicy", venv, n_steps=ROLLOUT, batch_size=ROLLOUT, device="cpu")
    with pytest.raises(ProtocolError, match="was stepped 18 times in a rollout of 17 steps"):
        agent.learn(100, callback=[RolloutRewards(venv), Meddler()])
