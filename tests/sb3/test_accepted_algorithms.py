"""Every algorithm that takes lazy rewards learns bit-identically with rewards in every step; others are refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.errors import ProtocolError
from tsreward.pipeline.model import RewardModel
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.vec_env import LearnedRewardVecEnv

LENGTHS = (2, 1, 9, 5, 30, 7)
ON_POLICY = {"n_steps": 17, "gamma": 0.9}
OFF_POLICY = {"buffer_size": 300, "learning_starts": 40, "batch_size": 8}
ACCEPTED: dict[str, tuple[type, str, dict[str, Any]]] = {
    "A2C": (stable_baselines3.A2C, "MlpPolicy", ON_POLICY),
    "PPO": (stable_baselines3.PPO, "MlpPolicy", {**ON_POLICY, "batch_size": 17}),
    "TRPO": (sb3_contrib.TRPO, "MlpPolicy", {**ON_POLICY, "batch_size": 17}),
    "RecurrentPPO": (sb3_contrib.RecurrentPPO, "MlpLstmPolicy", {**ON_POLICY, "batch_size": 17}),
    "MaskablePPO": (sb3_contrib.MaskablePPO, "MlpPolicy", {**ON_POLICY, "batch_size": 17}),
    "DQN": (stable_baselines3.DQN, "MlpPolicy", OFF_POLICY),
    "DDPG": (stable_baselines3.DDPG, "MlpPolicy", OFF_POLICY),
    "SAC": (stable_baselines3.SAC, "MlpPolicy", OFF_POLICY),
    "TD3": (stable_baselines3.TD3, "MlpPolicy", OFF_POLICY),
    "QRDQN": (sb3_contrib.QRDQN, "MlpPolicy", OFF_POLICY),
    "TQC": (sb3_contrib.TQC, "MlpPolicy", OFF_POLICY),
    "CrossQ": (sb3_contrib.CrossQ, "MlpPolicy", OFF_POLICY),
}
DISCRETE = ("MaskablePPO", "DQN", "QRDQN")


class Chosen(ScriptedEnv):
    """A scripted environment with two actions, both of which are allowed."""

    def __init__(self, episodes: Any) -> None:
        super().__init__(episodes)
        self.action_space = Discrete(2)

    def action_masks(self) -> np.ndarray:
        return np.ones(2, bool)


class Learned(BaseCallback):
    """Keeps what every rollout of an on-policy algorithm was learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = getattr(self.model, "rollout_buffer", None)
        if buffer is not None:
            self.seen.append([getattr(buffer, name).tolist() for name in ("rewards", "returns", "advantages")])


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model(smoothing=0.6, frame_skip=2)


def trained(name: str, lazy: bool, model: RewardModel, normalised: bool = False) -> tuple[Any, Learned]:
    algorithm, policy, options = ACCEPTED[name]
    kind: Any = Chosen if name in DISCRETE else ScriptedEnv
    venv = LearnedRewardVecEnv(DummyVecEnv([partial(kind, each) for each in scripts(2, 2, LENGTHS)]), model, lazy=lazy)
    outer = VecNormalize(venv, norm_reward="n_steps" in options) if normalised else venv
    net = {"net_arch": [8]} | ({"lstm_hidden_size": 8} if name == "RecurrentPPO" else {})
    agent = algorithm(policy, outer, seed=3, device="cpu", policy_kwargs=net, **options)
    watch = Learned()
    agent.learn(102, callback=[LearnedRewardCallback(venv), watch])
    return agent, watch


@pytest.mark.parametrize("normalised", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_lazy_rewards_make_the_same_agent(name: str, normalised: bool, model: RewardModel) -> None:
    (step, seen), (lazy, later) = (trained(name, way, model, normalised) for way in (False, True))
    if "n_steps" in ACCEPTED[name][2]:
        assert len(seen.seen) == 3
        assert later.seen == seen.seen
        assert "compute_returns_and_advantage" not in vars(lazy.rollout_buffer)
    else:
        one, other = step.replay_buffer, lazy.replay_buffer
        assert other.pos == one.pos > 0
        assert other.rewards[: one.pos].tolist() == one.rewards[: one.pos].tolist()
    weights = [agent.policy.state_dict() for agent in (step, lazy)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_the_list_is_complete() -> None:
    every = {*stable_baselines3.__all__, *sb3_contrib.__all__} - {"HerReplayBuffer", "get_system_info"}
    assert every - set(ACCEPTED) == {"ARS"}


def test_ars_takes_rewards_in_every_step_and_is_refused_lazily(model: RewardModel) -> None:
    for lazy in (True, False):
        venv = LearnedRewardVecEnv(DummyVecEnv([lambda: ScriptedEnv(scripts(2, 1, LENGTHS)[0])]), model, lazy=lazy)
        agent = sb3_contrib.ARS("LinearPolicy", venv, n_delta=1, seed=0, device="cpu")
        if lazy:
            with pytest.raises(ProtocolError, match=r"got ARS: use .*lazy=False"):
                agent.learn(20, callback=LearnedRewardCallback(venv))
        else:
            agent.learn(20, callback=LearnedRewardCallback(venv))
            assert venv.episodes > 0


class OwnSAC(stable_baselines3.SAC):
    """Collects rollouts in a way of its own."""

    def collect_rollouts(self, *given: Any, **kind: Any) -> Any:
        return super().collect_rollouts(*given, **kind)


def test_an_off_policy_algorithm_with_a_way_of_its_own_is_refused(model: RewardModel) -> None:
    venv = LearnedRewardVecEnv(DummyVecEnv([lambda: ScriptedEnv(scripts(2, 1, LENGTHS)[0])]), model, lazy=True)
    agent = OwnSAC("MlpPolicy", venv, device="cpu", buffer_size=99)
    with pytest.raises(ProtocolError, match="OwnSAC collects rollouts in a way of its own"):
        agent.learn(20, callback=LearnedRewardCallback(venv))
    assert isinstance(venv.action_space, gymnasium.spaces.Box)
