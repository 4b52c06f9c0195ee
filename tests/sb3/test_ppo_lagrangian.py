"""PPO that keeps costs below a limit: what it learns, how its multiplier moves, what costs are worth, its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

import tests.tiny
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError, ProtocolError
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.ppo_lagrangian import PPOLagrangian
from tsreward.sb3.saved_agent import load_agent, save_agent
from tsreward.sb3.training import TrainedAgent, train_agent

SMALL = AgentOptions("ppo_lagrangian", steps=256, num_envs=4, hidden=8, rollout=32, cost_limit=1.0)


class Toll(gymnasium.Env):
    """Speed a pays 1 - (a - 0.8)² and costs (1 + a) / 2 in each of ten steps: a limit of 2.5 makes -0.5 the best."""

    def __init__(self, **_options: Any) -> None:
        self.observation_space, self.action_space = Box(-1.0, 1.0, (1,), np.float32), Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        speed = float(np.clip(action[0], -1, 1))
        return np.zeros(1, np.float32), 1 - (speed - 0.8) ** 2, False, self.steps == 10, {"cost": (1 + speed) / 2}


class Ends(gymnasium.Env):
    """Episodes of the given lengths; every second one terminates, the others are truncated. A step costs its number."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.observation_space, self.action_space = Box(-9.0, 9.0, (1,), np.float32), Box(-1.0, 1.0, (1,), np.float32)
        self.lengths, self.episode = lengths, -1

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode, self.steps = self.episode + 1, 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        ended = self.steps == self.lengths[self.episode % len(self.lengths)]
        terminates = self.episode % 2 == 0
        return self._obs(), 0.0, ended and terminates, ended and not terminates, {"cost": float(self.steps)}

    def _obs(self) -> np.ndarray:
        return np.array([self.steps + 0.1 * self.episode], np.float32)


gymnasium.register("Tiny/Toll-v0", Toll, disable_env_checker=True)


class Multipliers(BaseCallback):
    """Keeps the multiplier of every rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, PPOLagrangian)
        self.seen.append(self.model.multiplier)


def test_the_cost_goes_below_the_limit_and_then_the_multiplier_falls() -> None:
    options = replace(SMALL, steps=8_000, num_envs=8, learning_rate=5e-3, cost_limit=2.5, multiplier_rate=0.5)
    options = replace(options, policy_kwargs='{"log_std_init": -1}')
    multipliers = Multipliers()
    episodes = train_agent("Tiny/Toll-v0", options, callbacks=[multipliers]).record.finished
    costs = [np.mean([one.costs.sum() for one in part]) for part in (episodes[:80], episodes[-80:])]  # type: ignore[union-attr]
    assert costs[0] > 5
    assert costs[1] < 2.5
    assert multipliers.seen[0] == 0
    assert multipliers.seen[-1] < max(multipliers.seen) - 1


def made(lengths: tuple[int, ...] = (3,), **options: Any) -> PPOLagrangian:
    venv = DummyVecEnv([lambda: Ends(lengths), lambda: Ends(lengths[::-1])])
    return PPOLagrangian("MlpPolicy", venv, n_steps=16, batch_size=32, n_epochs=2, device="cpu", seed=0, **options)


def test_the_multiplier_rises_above_the_limit_and_falls_below_it() -> None:
    with kept_random_state():
        agent = made(cost_limit=10.0, multiplier_rate=0.5, multiplier_cap=0.75)
        agent.learn(32)
    seen = agent._seen
    assert seen is not None
    agent.policy.multiplier.fill_(0.0)  # type: ignore[operator]
    agent.episode_costs = []
    moves = []
    for ended in ([15.0, 15.0], [1000.0, 0.0], [5.0, 5.0], [], [0.0, 0.0], [0.0, 0.0]):
        seen.ended = ended
        agent._move_multiplier()
        moves.append(agent.multiplier)
    # half above; far above counts as twice the limit, and the cap holds; half below; the same again; nothing at all
    assert moves == pytest.approx([0.25, 0.75, 0.5, 0.25, 0.0, 0.0])
    assert len(agent.episode_costs) == 2


class Watch(BaseCallback):
    """Keeps every transition as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[tuple[float, float, float, bool, bool]]] = []

    def _on_step(self) -> bool:
        rows = []
        for index, (info, done) in enumerate(zip(self.locals["infos"], self.locals["dones"], strict=True)):
            after = info["terminal_observation"] if done else self.locals["new_obs"][index]
            before = float(self.locals["obs_tensor"][index, 0])
            rows.append((before, float(after[0]), info["cost"], bool(done), info["TimeLimit.truncated"]))
        self.steps.append(rows)
        return True


def test_costs_that_are_still_to_come_count_where_an_episode_is_truncated_only() -> None:
    """Against the recursion over single transitions that generalised advantage estimation is defined by."""
    watch, kept = Watch(), []

    class Kept(PPOLagrangian):
        def train(self) -> None:
            kept.append(self._valued_costs())
            values = {row[side] for rows in watch.steps for row in rows for side in (0, 1)}
            self.values = {one: float(self._cost_values(np.array([[one]], np.float32))[0]) for one in values}

    with kept_random_state():
        venv = DummyVecEnv([lambda: Ends((3, 2, 6, 4)), lambda: Ends((5, 1, 2))])
        agent = Kept("MlpPolicy", venv, n_steps=16, batch_size=32, device="cpu", seed=0, gamma=0.9, gae_lambda=0.8)
        agent.learn(32, callback=watch)
    values, (advantages, returns) = agent.values, kept[0]
    assert sum(row[3] and row[4] for rows in watch.steps for row in rows) > 2
    assert sum(row[3] and not row[4] for rows in watch.steps for row in rows) > 2
    for env in range(2):
        later = 0.0
        for step in range(15, -1, -1):
            before, after, cost, done, truncated = watch.steps[step][env]
            stays = 0.0 if done and not truncated else values[after]
            later = cost + 0.9 * stays - values[before] + (0.0 if done else 0.9 * 0.8 * later)
            assert advantages[step, env] == pytest.approx(later, abs=1e-4)
            assert returns[step, env] == pytest.approx(later + values[before], abs=1e-4)


def test_the_costs_of_episodes_are_added_up_over_rollouts() -> None:
    with kept_random_state():
        agent = made((7,))
        agent.learn(64)  # rollouts of 16 steps: the third episode began in the first of them
    assert agent.episode_costs == [28.0, 28.0, 28.0, 28.0]


def weights(agent: TrainedAgent) -> dict[str, torch.Tensor]:
    return agent.algorithm.policy.state_dict()


def test_the_same_seed_makes_the_same_agent() -> None:
    first, second, other = (train_agent("Tiny/Cost-v0", replace(SMALL, seed=seed)) for seed in (3, 3, 4))
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())
    assert not torch.equal(weights(first)["cost_net.0.weight"], weights(other)["cost_net.0.weight"])


def test_it_is_the_same_in_files(tmp_path: Path) -> None:
    agent = train_agent("Tiny/Cost-v0", SMALL)
    algorithm: Any = agent.algorithm
    algorithm.policy.multiplier.fill_(0.7)
    save_agent(agent, tmp_path)
    loaded = PPOLagrangian.load(tmp_path / "agent.zip", device="cpu")
    assert (loaded.multiplier, loaded.cost_limit) == (0.7, 1.0)
    assert loaded.episode_costs == algorithm.episode_costs != []
    obs = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert torch.equal(loaded._cost_values(obs), algorithm._cost_values(obs))
    moments = algorithm.policy.cost_optimizer.state_dict()["state"][0]["exp_avg"]
    assert torch.equal(loaded.policy.cost_optimizer.state_dict()["state"][0]["exp_avg"], moments)  # type: ignore[union-attr]
    wanted = algorithm.predict(agent.normaliser.normalize_obs(obs.copy()), deterministic=True)[0]
    np.testing.assert_array_equal(load_agent(tmp_path)(obs), wanted)
    loaded.set_env(DummyVecEnv([lambda: gymnasium.make("Tiny/Cost-v0")] * 4))
    loaded.cost_limit = 0.01
    with kept_random_state():
        loaded.learn(128)
    assert loaded.multiplier == pytest.approx(0.8)


class Parts(gymnasium.ObservationWrapper):
    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Dict(
            {"a": Box(-9, 9, (1,), np.float32), "b": Box(-9, 9, (2,), np.float32)}
        )

    def observation(self, observation: Any) -> dict[str, np.ndarray]:
        return {"a": observation[:1], "b": observation[1:]}


class Pictures(gymnasium.ObservationWrapper):
    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.observation_space = Box(0, 255, (36, 36, 1), np.uint8)

    def observation(self, observation: Any) -> np.ndarray:
        return np.full((36, 36, 1), np.clip(100 + 50 * observation[0], 0, 255), np.uint8)


@pytest.mark.parametrize("seen", [Parts, Pictures])
def test_parts_of_a_dict_and_pictures_have_cost_critics_too(seen: Any) -> None:
    def make(**options: Any) -> gymnasium.Env:
        return seen(tests.tiny.TinyEnv(**options))

    id = f"Tiny/{seen.__name__}-v0"
    gymnasium.register(id, make, max_episode_steps=12, disable_env_checker=True)
    try:
        agent: Any = train_agent(
            id, AgentOptions("ppo_lagrangian", steps=64, num_envs=2, hidden=8, rollout=32)
        ).algorithm
    finally:
        gymnasium.registry.pop(id)
    assert len(agent.episode_costs) >= 2
    assert {parameter.requires_grad for parameter in agent.policy.cost_extractor.parameters()} <= {True}


def test_a_missing_cost_and_bad_options_are_refused() -> None:
    with pytest.raises(ProtocolError, match="gave no info"):
        train_agent("Tiny/Plain-v0", AgentOptions("ppo_lagrangian", steps=64, num_envs=2, hidden=8, rollout=32))
    with pytest.raises(OptionError, match="PPOLagrangian needs a limit above 0, got 0"):
        made(cost_limit=0)
    with pytest.raises(OptionError, match="cost_limit must be a finite number > 0 or None, got -1"):
        AgentOptions("ppo_lagrangian", cost_limit=-1.0)
    with pytest.raises(OptionError, match="Unknown algorithm 'ppo_lagrangian'"):
        AgentOptions("ppo_lagrangian", library="jax")
