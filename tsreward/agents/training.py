"""Train Stable-Baselines3 agents, on the environment's reward or on a learned one, and keep what really happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd
from typing import Any, Literal

import numpy as np
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from tsreward.agents.multiplier import MultiplierUpdates
from tsreward.agents.random_state import kept_random_state
from tsreward.agents.recording import EpisodeRecorder
from tsreward.agents.replay_rewards import ReplayRewards
from tsreward.agents.rollout_rewards import RolloutRewards
from tsreward.agents.suitability import check_spaces
from tsreward.envs.make import make
from tsreward.errors import OptionError
from tsreward.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.wrappers.sb3 import LearnedRewardVecEnv
from tsreward.wrappers.sb3_bulk import BulkRewardVecEnv

StepReport = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True)
class AgentOptions:
    """How an agent is trained."""

    algorithm: Literal["ppo", "td3", "sac"] = "ppo"
    """td3 and sac need continuous actions."""
    steps: int = 60_000
    """Decisions in all environments together: environment steps, where no action is repeated."""
    num_envs: int = 8
    """Environments that run side by side."""
    action_repeat: int = 1
    """Environment steps that every action is held for; rewards and costs add up."""
    hidden: int = 64
    """Width of the two hidden layers of actor and critic."""
    rollout: int = 256
    """Steps of every environment between two updates (ppo)."""
    gradient_steps: int = 4
    """Updates after every step of all environments (td3, sac)."""
    seed: int = 0
    """Every random number follows from it."""
    scoring: Literal["auto", "bulk", "step"] = "auto"
    """When a learned reward is computed: once per rollout or in chunks (bulk), or in every step; the agent is
    the same to the bit. auto is bulk wherever the reward mode stays the same during a rollout."""

    def __post_init__(self) -> None:
        if self.algorithm not in ("ppo", "td3", "sac"):
            raise OptionError(f"AgentOptions.algorithm is 'ppo', 'td3' or 'sac', got '{self.algorithm}'.")
        if self.scoring not in ("auto", "bulk", "step"):
            raise OptionError(f"AgentOptions.scoring is 'auto', 'bulk' or 'step', got '{self.scoring}'.")
        for name in ("steps", "num_envs", "action_repeat", "hidden", "rollout", "gradient_steps"):
            if getattr(self, name) < 1:
                raise OptionError(f"AgentOptions.{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"AgentOptions.seed is an integer from 0 to 2**32 - 1, got {self.seed}.")


@dataclass(frozen=True)
class TrainedAgent:
    """An agent, the normaliser it looks through, and the true record of its training."""

    algorithm: BaseAlgorithm
    normaliser: VecNormalize
    record: EpisodeRecorder


def train_agent(
    env: str,
    options: AgentOptions,
    model: RewardModel | None = None,
    reward: Callable[[VecEnv], VecEnv] | None = None,
    needs_cost: bool = False,
    report: StepReport | None = None,
) -> TrainedAgent:
    """Train on environment `env`; with `model` on its learned reward, with `reward` on that of a wrapper.

    The order is environment, recorder, learned reward, normaliser: the reward model sees raw observations.

    Raises:
        OptionError: no such environment, or one that the algorithm cannot act in; or scoring in bulk for `Lagrangian`.
        ShapeError: observations that are not arrays of real numbers, or not those of the model.
        ProtocolError: the environment gives NaN or inf, or no cost although `needs_cost`.
    """
    with kept_random_state():
        venv = DummyVecEnv([lambda: make(env, options.action_repeat)] * options.num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, options.algorithm)
        record = EpisodeRecorder(venv, needs_cost)
        rewarded: VecEnv = record if reward is None else reward(record)
        callbacks: list[BaseCallback] = []
        if model is not None:
            lagrangian = model.mode if isinstance(model.mode, Lagrangian) else None
            if options.scoring == "bulk" or (options.scoring == "auto" and lagrangian is None):
                rewarded = bulk = BulkRewardVecEnv(rewarded, model)
                callbacks.append(RolloutRewards(bulk) if options.algorithm == "ppo" else ReplayRewards(bulk))
            else:
                rewarded = LearnedRewardVecEnv(rewarded, model)
            if lagrangian is not None:
                callbacks.append(MultiplierUpdates(lagrangian, record))
        if report is not None:
            callbacks.append(_Steps(report, options.steps))
        normaliser = VecNormalize(rewarded, norm_reward=options.algorithm == "ppo")
        algorithm = _algorithm(normaliser, options)
        algorithm.learn(options.steps, callback=callbacks)
    return TrainedAgent(algorithm, normaliser, record)


def roll_out(
    agent: TrainedAgent, env: str, episodes: int, seed: int, deterministic: bool = True, needs_cost: bool = False
) -> EpisodeRecorder:
    """Run the agent, unchanged, for at least this many complete episodes; the record says what happened."""
    with kept_random_state():
        venv = DummyVecEnv([lambda: make(env)] * min(8, episodes))
        venv.seed(seed)
        record = EpisodeRecorder(venv, needs_cost)
        obs: Any = record.reset()
        while len(record.finished) < episodes:
            actions, _ = agent.algorithm.predict(agent.normaliser.normalize_obs(obs), deterministic=deterministic)
            obs = record.step(actions)[0]
        venv.close()
    return record


def _algorithm(venv: VecEnv, options: AgentOptions) -> BaseAlgorithm:
    shared: dict[str, Any] = {
        "seed": options.seed,
        "device": "cpu",
        "policy_kwargs": {"net_arch": [options.hidden, options.hidden]},
    }
    if options.algorithm == "ppo":
        steps, batch = _rollout(options)
        return PPO("MlpPolicy", venv, learning_rate=4e-4, n_steps=steps, batch_size=batch, n_epochs=8, **shared)
    shared |= {"learning_rate": 1e-3 if options.algorithm == "td3" else 7e-4, "batch_size": 256}
    shared |= {"gradient_steps": options.gradient_steps, "learning_starts": min(5_000, options.steps // 4)}
    shared["buffer_size"] = min(1_000_000, options.steps + options.num_envs)
    if options.algorithm == "sac":
        return SAC("MlpPolicy", venv, **shared)
    size = int(np.prod(venv.action_space.shape or (1,)))
    return TD3("MlpPolicy", venv, action_noise=NormalActionNoise(np.zeros(size), 0.1 * np.ones(size)), **shared)


def _rollout(options: AgentOptions) -> tuple[int, int]:
    """Return (steps of each environment, batch size) of PPO: whole batches of 256 where there are enough steps."""
    steps = max(2, min(options.rollout, options.steps // options.num_envs))
    whole = steps - steps % (256 // gcd(256, options.num_envs))
    return (whole, 256) if whole else (steps, steps * options.num_envs)


class _Steps(BaseCallback):
    """Tells how many steps are done."""

    def __init__(self, report: StepReport, total: int) -> None:
        super().__init__()
        self._report, self._total = report, total

    def _on_step(self) -> bool:
        self._report(min(self.num_timesteps, self._total), self._total)
        return True
