"""Train Stable-Baselines3 agents, on the environment's reward or on a learned one, and keep what really happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from tsreward.envs.make import make
from tsreward.errors import OptionError
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.algorithms import AgentOptions, algorithm_class, build_algorithm
from tsreward.sb3.environment_checks import check_spaces, kept_random_state
from tsreward.sb3.learned_reward import learned_reward
from tsreward.sb3.multiplier import MultiplierUpdates
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.reward_obs import RewardSource

StepReport = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


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
    callbacks: Sequence[BaseCallback] = (),
    active: ActiveLearner | None = None,
    bonus: ExplorationBonus | None = None,
    reward_obs: RewardSource = "observation",
) -> TrainedAgent:
    """Train on environment `env`; with `model` on its learned reward, with `reward` on that of a wrapper.

    The order is environment, recorder, learned reward, normaliser: the reward model sees raw observations, or with
    `reward_obs` "frame" what is in `info["frame"]`. With `active` the reward is that of its model, which learns from
    the agent meanwhile; `bonus` is added to a learned reward. `callbacks` are called after those that a learned reward
    needs.

    Raises:
        OptionError: no such environment, or one that the algorithm cannot act in; scoring in bulk for `Lagrangian`, or
            in every step for what learns; or another model than that of `active`.
        ShapeError: observations that are not arrays of real numbers, or not those of the model.
        ProtocolError: the environment gives NaN or inf, or no cost although `needs_cost`.
        MissingExtraError: `options.library` is jax, and sbx is not installed.
    """
    algorithm_class(options)
    learned = model if active is None else active.model
    if model is not None and learned is not model:
        raise OptionError("train_agent got a model and an ActiveLearner of another one: leave out the model.")
    if learned is None and bonus is not None:
        raise OptionError("train_agent adds a bonus to a learned reward only: give model or active too.")
    with kept_random_state():
        venv = DummyVecEnv([lambda: make(env, options.action_repeat)] * options.num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, options.algorithm)
        record = EpisodeRecorder(venv, needs_cost)
        rewarded: VecEnv = record if reward is None else reward(record)
        needed: list[BaseCallback] = []
        if learned is not None:
            rewarded, needed = learned_reward(rewarded, learned, options, active, bonus, reward_obs)
            if learned.mode.moves_while_training:
                needed.append(MultiplierUpdates(learned.mode, record))
        if report is not None:
            needed.append(_Steps(report, options.steps))
        obs, rewards = options.normalise, options.algorithm == "ppo"
        normaliser = VecNormalize(rewarded, training=obs or rewards, norm_obs=obs, norm_reward=rewards)
        algorithm = build_algorithm(normaliser, options)
        algorithm.learn(options.steps, callback=[*needed, *callbacks])
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


class _Steps(BaseCallback):
    """Tells how many steps are done."""

    def __init__(self, report: StepReport, total: int) -> None:
        super().__init__()
        self._report, self._total = report, total

    def _on_step(self) -> bool:
        self._report(min(self.num_timesteps, self._total), self._total)
        return True
