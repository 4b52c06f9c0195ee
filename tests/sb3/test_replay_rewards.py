"""`ReplayRewards`: off-policy algorithms sample what the wrapper that scores in every step gives, to the bit."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.errors import ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.replay_rewards import ReplayRewards, ScoredReplayBuffer
from tsreward.sb3.vec_env import LearnedRewardVecEnv

LEAN = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


def scripted(num_envs: int) -> VecEnv:
    return DummyVecEnv([partial(ScriptedEnv, played) for played in scripts(2, num_envs, (2, 1, 9, 5, 30, 7))])


class Stop(BaseCallback):
    """Stops the training in one step, after which nothing is stored."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        return self.n_calls != self.at


def trained(
    bulk: bool,
    model: RewardModel,
    algorithm: Any = SAC,
    num_envs: int = 2,
    normalised: bool = False,
    learn: tuple[dict[str, Any], ...] = ({"total_timesteps": 160},),
    stop_at: int | None = None,
    **options: Any,
) -> Any:
    wrapper = BulkRewardVecEnv if bulk else LearnedRewardVecEnv
    venv = wrapper(scripted(num_envs), model)
    outer = VecNormalize(venv, norm_reward=False) if normalised else venv
    options = {"buffer_size": 500, "learning_starts": 60, "batch_size": 8, **options}
    agent = algorithm("MlpPolicy", outer, seed=3, device="cpu", policy_kwargs={"net_arch": [8]}, **options)
    stop = Stop(stop_at)
    for times in learn:
        own = [ReplayRewards(venv)] if isinstance(venv, BulkRewardVecEnv) else []
        agent.learn(**times, callback=[*own, stop])
    return agent


def check_equal(step: Any, bulk: Any) -> None:
    one, other = step.replay_buffer, bulk.replay_buffer
    assert type(other) is ReplayBuffer
    assert (one.pos, one.full) == (other.pos, other.full)
    for name in ("observations", "actions", "rewards", "dones", "timeouts"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    weights = [agent.policy.state_dict() for agent in (step, bulk)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_envs": 1},
        {"num_envs": 3, "normalised": True},
        {"buffer_size": 40},
        {"buffer_size": 4, "num_envs": 3},
        {**LEAN, "buffer_size": 40},
        {"train_freq": 7, "gradient_steps": 2},
        {"train_freq": (2, "episode"), "num_envs": 1},
    ],
    ids=["plain", "one", "normalised", "full", "tiny", "lean", "seldom", "episodes"],
)
def test_agents_are_the_same_to_the_bit(algorithm: Any, options: dict[str, Any], model: RewardModel) -> None:
    check_equal(*(trained(bulk, model, algorithm, **options) for bulk in (False, True)))


@pytest.mark.parametrize("again", [{"reset_num_timesteps": False}, {}], ids=["going on", "anew"])
@pytest.mark.parametrize("stop_at", [None, 1, 11, 45])
def test_training_may_stop_anywhere_and_go_on(again: dict[str, Any], stop_at: int | None, model: RewardModel) -> None:
    learn = ({"total_timesteps": 100}, {"total_timesteps": 100, **again})
    check_equal(*(trained(bulk, model, learn=learn, stop_at=stop_at) for bulk in (False, True)))


def test_transitions_are_scored_together_and_only_when_needed(model: RewardModel) -> None:
    takes: list[int] = []

    class Counting(BulkRewardVecEnv):
        def take(self) -> Any:
            takes.append(self.stream.pending)
            return super().take()

    venv = Counting(scripted(2), model)
    agent = SAC("MlpPolicy", venv, buffer_size=5000, learning_starts=10_000, device="cpu")
    agent.learn(600, callback=ReplayRewards(venv))
    assert takes == [128, 128, 44]  # nothing was sampled: chunks of 256 transitions, and the rest at the end
    takes.clear()
    agent.learning_starts, agent.batch_size = 0, 2
    agent.learn(600, callback=ReplayRewards(venv))
    assert sum(takes) == 300
    assert 5 < len(takes) < 200


def test_rewards_that_are_not_there_yet_are_never_sampled(model: RewardModel) -> None:
    venv = BulkRewardVecEnv(scripted(2), model)
    venv.taken = True
    space, actions = venv.observation_space, venv.action_space
    buffer = ScoredReplayBuffer(ReplayBuffer(40, space, actions, "cpu", 2), venv, chunk=16)
    obs, waited = venv.reset(), 0
    for _ in range(50):
        given = np.zeros((2, 1), np.float32)
        new, rewards, dones, infos = venv.step(given)
        buffer.add(obs, new, given, rewards, dones, infos)
        waited += int(np.isnan(buffer.rewards).any())
        assert np.isfinite(buffer.sample(4).rewards.numpy()).all()
        obs = new
    assert waited > 10


def test_a_saved_buffer_is_a_plain_one_with_all_rewards(model: RewardModel) -> None:
    class Save(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 30:
                self.loaded = pickle.loads(pickle.dumps(self.model.replay_buffer))
            return True

    venv, save = BulkRewardVecEnv(scripted(2), model), Save()
    agent = SAC("MlpPolicy", venv, buffer_size=500, learning_starts=40, batch_size=8, seed=3, device="cpu")
    agent.learn(100, callback=[ReplayRewards(venv), save])
    assert type(save.loaded) is ReplayBuffer
    assert save.loaded.pos == 29  # callbacks come before the transition is stored
    assert save.loaded.rewards[:29].tolist() == agent.replay_buffer.rewards[:29].tolist()


def test_a_training_that_crashed_can_be_done_again(model: RewardModel) -> None:
    class Crash(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 20:
                raise RuntimeError("crash")
            return True

    venv = BulkRewardVecEnv(scripted(2), model)
    agent = SAC("MlpPolicy", venv, buffer_size=500, learning_starts=400, seed=3, device="cpu")
    with pytest.raises(RuntimeError, match="crash"):
        agent.learn(100, callback=[ReplayRewards(venv), Crash()])
    agent.learn(100, callback=ReplayRewards(venv))
    buffer = agent.replay_buffer
    assert type(buffer) is ReplayBuffer
    assert buffer.pos == 19 + 50
    assert np.isfinite(buffer.rewards[: buffer.pos]).all()


def test_what_cannot_work_is_refused(model: RewardModel) -> None:
    venv = BulkRewardVecEnv(scripted(2), model)

    def learn(agent: Any) -> None:
        agent.learn(10, callback=ReplayRewards(venv))

    def sac(venv: VecEnv, **options: Any) -> SAC:
        return SAC("MlpPolicy", venv, buffer_size=99, device="cpu", **options)

    with pytest.raises(ProtocolError, match=r"is for SAC and TD3, got PPO: .* take RolloutRewards\(venv\)"):
        learn(PPO("MlpPolicy", venv, device="cpu"))
    with pytest.raises(ProtocolError, match=r"use VecNormalize\(venv, norm_reward=False\)"):
        learn(sac(VecNormalize(venv)))
    with pytest.raises(ProtocolError, match="fills a plain ReplayBuffer, got NStepReplayBuffer"):
        learn(sac(venv, replay_buffer_class=NStepReplayBuffer))
    with pytest.raises(ProtocolError, match="give the callback the one that the algorithm trains on"):
        learn(sac(scripted(2)))
    with pytest.raises(ProtocolError, match="nobody takes the learned rewards"):
        sac(venv).learn(10)


def test_steps_that_are_not_of_the_training_are_refused(model: RewardModel) -> None:
    class Meddler(BaseCallback):
        def _on_step(self) -> bool:
            if self.n_calls == 3:
                self.training_env.step(np.zeros((2, 1), np.float32))
            return True

    venv = BulkRewardVecEnv(scripted(2), model)
    agent = SAC("MlpPolicy", venv, buffer_size=99, device="cpu")
    with pytest.raises(ProtocolError, match="was stepped 4 times, but 3 transitions were stored"):
        agent.learn(100, callback=[ReplayRewards(venv), Meddler()])
