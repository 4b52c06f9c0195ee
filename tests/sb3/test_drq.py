"""Agents on pictures: who trains their network, that they repeat themselves, and that learned rewards reach them."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize, VecTransposeImage

from tests.scripted import ScriptedEnv, scripts, small_model
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError
from tsreward.sb3.algorithms import AgentOptions, build_algorithm
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.drq import DrQ, PixelNetwork
from tsreward.sb3.playing import play, policy_of
from tsreward.sb3.saved_agent import load_agent, save_agent
from tsreward.sb3.training import train_agent
from tsreward.sb3.vec_env import LearnedRewardVecEnv

SHAPE = (10, 8, 1)
LENGTHS = (2, 1, 9, 5, 30, 7)


def screens() -> DummyVecEnv:
    return DummyVecEnv([partial(ScriptedEnv, each) for each in scripts(2, 2, LENGTHS, shape=SHAPE, dtype=np.uint8)])


def trained(steps: int = 60, lazy: bool = False, pad: int = 2) -> Any:
    venv = LearnedRewardVecEnv(screens(), small_model(SHAPE), lazy=lazy)
    small = {"net_arch": [8], "features_extractor_class": PixelNetwork, "features_extractor_kwargs": {"channels": (4,)}}
    with kept_random_state():
        outer = VecNormalize(VecTransposeImage(venv), norm_obs=False, norm_reward=False)
        agent = DrQ("CnnPolicy", outer, pad=pad, learning_rate=3e-3, seed=3, device="cpu", buffer_size=99,
                    learning_starts=20, batch_size=8, policy_kwargs=small)  # fmt: skip
        agent.learn(steps, callback=LearnedRewardCallback(venv))
    return agent


def weights(agent: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in agent.policy.state_dict().items()}


@pytest.mark.parametrize("size", [(3, 64, 64), (9, 84, 84), (1, 210, 160), (3, 12, 12), (1, 2, 2), (2, 49, 97)])
def test_pictures_of_any_size_become_features(size: tuple[int, ...]) -> None:
    network = PixelNetwork(Box(0, 255, size, np.uint8), features_dim=7)
    features = network(torch.rand(3, *size))
    assert features.shape == (3, 7)
    assert features.abs().max() < 1 and features.std() > 0


def test_the_critic_alone_trains_the_network() -> None:
    agent = trained(steps=21)
    eyes = set(map(id, agent.critic.features_extractor.parameters()))
    groups = {
        name: {id(weight) for group in part.optimizer.param_groups for weight in group["params"]}
        for name, part in (("actor", agent.actor), ("critic", agent.critic))
    }
    assert eyes <= groups["critic"] and not eyes & groups["actor"]
    assert agent.actor.features_extractor is agent.critic.features_extractor
    assert agent.critic_target.features_extractor is agent.critic.features_extractor
    every = set(map(id, agent.policy.actor.parameters())) | set(map(id, agent.policy.critic.parameters()))
    assert groups["actor"] | groups["critic"] == every


def test_gradient_steps_change_every_part() -> None:
    before, after = weights(trained(steps=10)), weights(trained(steps=60))
    same = [name for name in before if torch.equal(before[name], after[name])]
    assert same == []


def test_one_seed_gives_one_agent_and_shifts_matter() -> None:
    first, second, still = weights(trained()), weights(trained()), weights(trained(pad=0))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], still[name]) for name in first)


def test_lazy_rewards_make_the_same_agent() -> None:
    step, lazy = trained(lazy=False), trained(lazy=True)
    one, other = step.replay_buffer, lazy.replay_buffer
    assert other.pos == one.pos > 0
    assert other.rewards[: one.pos].tolist() == one.rewards[: one.pos].tolist()
    assert all(torch.equal(value, weights(lazy)[name]) for name, value in weights(step).items())


@pytest.mark.parametrize("kind", [DrQ, SAC])
def test_a_saved_agent_acts_as_before(kind: Any) -> None:
    agent, file = trained(), io.BytesIO()
    agent.save(file)
    obs = screens().reset()
    file.seek(0)
    again = kind.load(file)
    assert np.array_equal(again.predict(obs, deterministic=True)[0], agent.predict(obs, deterministic=True)[0])


def test_values_of_one_gradient_step() -> None:
    """A gradient step on a batch whose targets are known: the critic comes nearer to r where the episode ended."""
    agent = trained(steps=40)
    buffer = agent.replay_buffer
    buffer.rewards[:], buffer.dones[:], buffer.timeouts[:] = 3.0, 1.0, 0.0

    def error() -> float:
        with kept_random_state():
            torch.manual_seed(0)
            np.random.seed(0)  # noqa: NPY002 - the buffer draws from it
            batch = buffer.sample(64)
            with torch.no_grad():
                return float(
                    sum(((value - 3.0) ** 2).mean() for value in agent.critic(batch.observations, batch.actions))
                )

    before = error()
    with kept_random_state():
        agent.train(60, 32)
    assert error() < 0.7 * before


def test_values_of_several_steps_are_discounted_as_often() -> None:
    """Steps that pay 1 and never end: with γ = 0.5 and two of them, values come to 1 + 0.5 + 0.25 V = 2."""
    small = {"net_arch": [16], "features_extractor_class": PixelNetwork}
    with kept_random_state():
        agent = DrQ("CnnPolicy", screens(), seed=0, device="cpu", n_steps=2, gamma=0.5, ent_coef=1e-9, tau=0.5,
                    learning_rate=1e-2, buffer_size=99, learning_starts=99, policy_kwargs=small)  # fmt: skip
        agent.learn(80)
        buffer: Any = agent.replay_buffer
        buffer.rewards[:], buffer.dones[:], buffer.timeouts[:] = 1.0, 0.0, 0.0
        agent.train(150, 32)
        batch = buffer.sample(32)
    with torch.no_grad():
        values = torch.stack(agent.critic(batch.observations, batch.actions))
    assert values.mean().item() == pytest.approx(2, abs=0.25)


def test_noise_that_depends_on_the_state_is_refused() -> None:
    with pytest.raises(OptionError, match="DrQ draws the noise of its actions anew in every step: leave out use_sde"):
        DrQ("CnnPolicy", screens(), use_sde=True)


@pytest.mark.parametrize(("algorithm", "kind"), [("sac", DrQ), ("ppo", PPO), ("td3", TD3)])
def test_agents_on_pictures_have_the_network(algorithm: Any, kind: type) -> None:
    with kept_random_state():
        agent: Any = build_algorithm(screens(), AgentOptions(algorithm, 64, num_envs=2, hidden=8, random_shift=3))
    assert type(agent) is kind
    actor = agent.policy if algorithm == "ppo" else agent.actor
    assert isinstance(actor.features_extractor, PixelNetwork)
    assert getattr(agent, "pad", 3) == 3


def test_sbx_has_no_network_for_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsreward.sb3.algorithms.algorithm_class", lambda *_: type("SAC", (), {"policy_aliases": {}}))
    with pytest.raises(OptionError, match="sac of sbx takes no pictures: use --library torch"):
        build_algorithm(screens(), AgentOptions("sac", num_envs=2))


class Dot(gymnasium.Env):
    """A dot on a screen that the action moves; it pays for being on the right."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = Box(0, 255, (12, 12, 1), np.uint8), Box(-1.0, 1.0, (1,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = float(self.np_random.uniform(1, 10))
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = float(np.clip(self.place + 2 * float(action[0]), 0, 11))
        return self._obs(), 1 - abs(self.place - 8) / 8, False, False, {}

    def _obs(self) -> np.ndarray:
        frame, middle = np.zeros((12, 12, 1), np.uint8), round(self.place)
        frame[4:8, max(0, middle - 1) : middle + 2] = 255
        return frame


gymnasium.register("Seen/Dot-v0", Dot, max_episode_steps=10, disable_env_checker=True)


def test_it_learns_from_pictures() -> None:
    options = AgentOptions("sac", 500, num_envs=1, hidden=32, gradient_steps=1, learning_starts=100, batch_size=64,
                           gamma=0.8, tau=0.05, learning_rate=2e-3, random_shift=1)  # fmt: skip
    agent = train_agent("Seen/Dot-v0", options)
    returns = [one.total for one in play("Seen/Dot-v0", policy_of(agent.algorithm), range(10))]
    random = [float(episode.rewards.sum()) for episode in agent.record.finished[:10] if episode.rewards is not None]
    assert np.mean(returns) > 8 > 7 > np.mean(random)


@pytest.mark.parametrize("algorithm", ["sac", "ppo"])
def test_an_agent_of_a_folder_acts_as_before(algorithm: Any, tmp_path: Path) -> None:
    options = AgentOptions(algorithm, 40, num_envs=1, hidden=8, rollout=20, learning_starts=20, batch_size=8)
    agent = train_agent("Seen/Dot-v0", options)
    save_agent(agent, tmp_path)
    obs = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 1), np.uint8)
    assert np.array_equal(load_agent(tmp_path).predict(obs), policy_of(agent.algorithm)(obs))
