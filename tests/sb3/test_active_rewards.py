"""`ActiveRewards`: refreshes come when they are due, on the agent's windows, and the samples follow the model."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize
from torch import Tensor

from tests.sb3.test_replay_buffer import Doubling
from tests.sb3.test_replay_rewards import Stop
from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.errors import OptionError, ProtocolError
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.sb3.active_rewards import ActiveRewards
from tsreward.sb3.feature_vec_env import FeatureVecEnv
from tsreward.sb3.replay_buffer import WindowReplayBuffer
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions

EXPERT = list(np.random.default_rng(5).normal(3, 1, size=(4, 20, 3)).astype(np.float32))


def scripted(num_envs: int) -> VecEnv:
    return DummyVecEnv([partial(ScriptedEnv, played) for played in scripts(2, num_envs, (2, 1, 9, 5, 30, 7))])


def learning(**options: Any) -> ActiveLearner:
    model = RewardModel(
        DeepSVDD(4, 3, DeepSVDDOptions(hidden=16, embedding=4)), Likeness(LikenessOptions(shape="odds"))
    )
    return ActiveLearner(model, EXPERT, ActiveLearnerOptions(batch_size=16, **options))


def trained(
    venv: FeatureVecEnv,
    learner: ActiveLearner | None = None,
    bonus: Any = None,
    algorithm: Any = SAC,
    steps: int = 160,
    stop_at: int | None = None,
    outer: Any = None,
    **options: Any,
) -> Any:
    options = {"buffer_size": 500, "learning_starts": 60, "batch_size": 8, **options}
    agent = algorithm(
        "MlpPolicy",
        venv if outer is None else outer(venv),
        seed=3,
        device="cpu",
        policy_kwargs={"net_arch": [8]},
        **options,
    )
    agent.learn(steps, callback=[ActiveRewards(venv, learner, bonus), Stop(stop_at)])
    return agent


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_refreshes_come_every_so_many_decisions_on_what_is_stored(
    num_envs: int, algorithm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, seen = learning(every=12, updates=1, recent=30), []
    refresh = learner.refresh

    def watched(source: Any) -> None:
        refresh(lambda number: (seen.append(source(number)), seen[-1])[1])

    monkeypatch.setattr(learner, "refresh", watched)
    venv = FeatureVecEnv(scripted(num_envs), learner.model)
    agent = trained(venv, learner, algorithm=algorithm, steps=120)
    assert learner.refreshes == len(seen) == 10
    buffer = agent.replay_buffer
    assert isinstance(buffer, WindowReplayBuffer) and buffer.added * num_envs == 120
    # The last refresh was asked before the last step was stored, for windows of the rows before.
    stored = buffer.latest(1 + 30 // num_envs)[:-num_envs]
    assert all((stored == window).all(2).all(1).any() for window in seen[-1])


def test_the_agent_learns_from_the_model_of_the_moment() -> None:
    learner = learning(every=8)
    venv = FeatureVecEnv(scripted(2), learner.model)
    buffer = trained(venv, learner).replay_buffer
    rows, envs = np.arange(10), np.zeros(10, int)
    expected = learner.model.rate(buffer.windows(rows, envs)).reward.float().numpy()
    np.testing.assert_allclose(buffer.rewards_of(rows, envs), expected, rtol=1e-4, atol=1e-6)


def test_the_seed_decides_everything() -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        learner = learning(every=8, seed=seed)
        agent = trained(FeatureVecEnv(scripted(2), learner.model), learner)
        return {**agent.policy.state_dict(), **learner.model.state_dict()}

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_a_frozen_model_stays_as_it_is() -> None:
    model = small_model(mode="likeness")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    agent = trained(FeatureVecEnv(scripted(2), model))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert agent.replay_buffer.added == 80


@pytest.mark.parametrize("learns", [True, False])
def test_the_bonus_learns_from_every_window_once(learns: bool) -> None:
    bonus, learner = Doubling(), learning(every=32)
    venv = FeatureVecEnv(scripted(2), learner.model)
    buffer = trained(venv, learner if learns else None, bonus).replay_buffer
    assert [len(windows) for windows in bonus.updated] == [30, 32, 32, 32, 32]
    rows, envs = np.repeat(np.arange(79), 2), np.tile(np.arange(2), 79)
    assert torch.equal(torch.cat(bonus.updated), buffer.windows(rows, envs))


def test_training_goes_on_with_what_is_there() -> None:
    learner = learning(every=8)
    venv = FeatureVecEnv(scripted(2), learner.model)
    agent = trained(venv, learner, stop_at=25)
    assert agent.replay_buffer.added == 24
    with pytest.raises(ProtocolError, match="nobody takes the features"):
        venv.step(np.zeros((2, 1), np.float32))
    for again in (False, True):
        agent.learn(40, callback=ActiveRewards(venv, learner), reset_num_timesteps=again)
    assert agent.replay_buffer.added == 24 + 20 + 20
    assert learner.refreshes > 8


def test_observations_may_be_normalised_outside() -> None:
    learner = learning(every=8)
    agent = trained(FeatureVecEnv(scripted(2), learner.model), learner, outer=partial(VecNormalize, norm_reward=False))
    buffer = agent.replay_buffer
    np.testing.assert_allclose(buffer._after[:80], buffer.next_observations[:80], rtol=1e-3, atol=1e-4)


def test_what_cannot_work_is_refused() -> None:
    learner = learning()
    venv = FeatureVecEnv(scripted(2), learner.model)
    with pytest.raises(ProtocolError, match="a learner of another model than its venv's: give both the same"):
        ActiveRewards(FeatureVecEnv(scripted(2), small_model()), learner)
    with pytest.raises(ProtocolError, match=r"is for SAC and TD3, got PPO: .* take ActiveRollouts\(venv\)"):
        PPO("MlpPolicy", venv, device="cpu").learn(10, callback=ActiveRewards(venv))
    with pytest.raises(ProtocolError, match=r"use VecNormalize\(venv, norm_reward=False\)"):
        trained(venv, outer=VecNormalize)
    with pytest.raises(ProtocolError, match="got NStepReplayBuffer with 0 rows: make the algorithm anew"):
        trained(venv, replay_buffer_class=NStepReplayBuffer)
    with pytest.raises(ProtocolError, match="is not the FeatureVecEnv that its callback was given"):
        trained(FeatureVecEnv(venv, learner.model), outer=lambda _: scripted(2))
    with pytest.raises(OptionError, match=r"smooths scores over time"):
        trained(FeatureVecEnv(scripted(2), small_model(smoothing=0.5)))


def test_the_twin_on_jax_learns_from_it_too() -> None:
    sbx = pytest.importorskip("sbx")
    learner = learning(every=8)
    venv = FeatureVecEnv(scripted(2), learner.model)
    agent = trained(venv, learner, algorithm=sbx.SAC, gradient_steps=2)
    assert learner.refreshes == 20 and isinstance(agent.replay_buffer, WindowReplayBuffer)
