"""Train Stable-Baselines3 agents, on the environment's reward or on a learned one; run and save them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Dict
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.preprocessing import is_image_space_channels_first
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize, VecTransposeImage

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.envs.make import make_with_costs
from tsreward.envs.random_state import kept_random_state
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.pipeline.active import ActiveLearner
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.agent_observations import for_agent, normalised_keys, policy_name
from tsreward.sb3.algorithms import AgentOptions, algorithm_class, build_algorithm
from tsreward.sb3.callback import LearnedRewardCallback
from tsreward.sb3.environment_checks import check_spaces
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.vec_env import LearnedRewardVecEnv, RewardSource
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.wrappers.obs_parts import ObsKey

StepReport = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True)
class TrainedAgent:
    """An agent, the normaliser it looks through, the true record of its training, and how it was trained."""

    algorithm: BaseAlgorithm
    normaliser: VecNormalize
    record: EpisodeRecorder
    options: AgentOptions
    callbacks: tuple[BaseCallback, ...] = ()
    """What a learned reward needs while the agent trains."""
    obs_key: ObsKey | None = None
    """What the reward looks at and the record holds, where the observation is a Dict."""


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
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
    frames: FrameLayout | None = None,
    obs_key: ObsKey | None = None,
) -> TrainedAgent:
    """Train on environment `env`; with `model` on its learned reward, with `reward` on that of a wrapper.

    The order is environment, recorder, learned reward, normaliser: the reward model sees raw observations, or with
    `reward_obs` "frame" what is in `info["frame"]`. With `active` the reward is that of its model, which learns from
    the agent meanwhile; `bonus` is added to a learned reward. `callbacks` are called after those that a learned reward
    needs. `costs` say where the record finds the cost of a step, and `frames` how frames stand in what the model looks
    at. Where the observation is a Dict or a Tuple, the agent sees all of it, and `obs_key` is what the model looks at
    and the record holds.

    Raises:
        OptionError: no such environment, or one that the algorithm cannot act in; lazy scoring for `Lagrangian`, or
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
        reader = CostReader(costs, needs_cost)
        venv = DummyVecEnv([lambda: for_agent(make_with_costs(env, reader, options.action_repeat))] * options.num_envs)
        check_spaces(env, venv.observation_space, venv.action_space, options.algorithm)
        record = EpisodeRecorder(venv, costs=reader, obs_key=None if reward_obs == "frame" else obs_key)
        rewarded: VecEnv = record if reward is None else reward(record)
        needed: list[BaseCallback] = []
        if learned is not None:
            lazy = _lazy(learned, options, active is not None or bonus is not None)
            rewarded = LearnedRewardVecEnv(rewarded, learned, bonus, reward_obs, lazy, frames=frames, obs_key=obs_key)
            if learned.mode.replaces and rewarded.stream.monitor is not None:
                rewarded.stream.monitor.flags = False  # an agent that begins to learn is not like the expert yet
            needed.append(LearnedRewardCallback(rewarded, active))
        reporting = [] if report is None else [_Steps(report, options.steps)]
        pictures = policy_name(rewarded.observation_space) == "CnnPolicy"
        if pictures and not is_image_space_channels_first(rewarded.observation_space):  # type: ignore[arg-type]
            rewarded = VecTransposeImage(rewarded)  # inside: replay buffers store what a VecNormalize was given
        obs, rewards = options.normalise and not pictures, options.algorithm == "ppo"
        keys = normalised_keys(rewarded.observation_space) if obs else None
        normaliser = VecNormalize(
            rewarded, training=obs or rewards, norm_obs=obs, norm_reward=rewards, norm_obs_keys=keys
        )
        algorithm = build_algorithm(normaliser, options)
        algorithm.learn(options.steps, callback=[*needed, *reporting, *callbacks])
        reader.tell()
    return TrainedAgent(algorithm, normaliser, record, options, tuple(needed), obs_key)


def train_further(agent: TrainedAgent, steps: int, callbacks: Sequence[BaseCallback] = ()) -> None:
    """Go on training an agent of `train_agent` for `steps` decisions, on the same reward; its record goes on too.

    A replay buffer holds as many transitions as the first training had; older ones are forgotten.

    Raises:
        OptionError: no steps.
    """
    if steps < 1:
        raise OptionError(f"train_further needs one step or more, got {steps}.")
    algorithm = agent.algorithm
    with kept_random_state():
        algorithm.set_random_seed((agent.options.seed + algorithm.num_timesteps) % 2**32)
        algorithm.learn(steps, callback=[*agent.callbacks, *callbacks], reset_num_timesteps=False)


def _lazy(model: RewardModel, options: AgentOptions, learns: bool) -> bool:
    """Return whether the rewards of `model` are computed once per rollout or in chunks."""
    lazy = not model.mode.moves_while_training if options.lazy is None else options.lazy
    if not lazy and learns:
        raise OptionError(
            "A scorer or a bonus that learns is asked once per rollout, not in every step: leave AgentOptions.lazy at "
            "None, with another mode than Lagrangian."
        )
    return lazy


def roll_out(
    agent: TrainedAgent,
    env: str,
    episodes: int,
    seed: int,
    costs: Costs = CostOptions(),  # noqa: B008 - frozen
) -> EpisodeRecorder:
    """Run the agent, unchanged and without random actions, for at least this many complete episodes.

    Every action is held for as many steps as in training. The record says what happened.

    Args:
        agent: what `train_agent` returned.
        env: id of the environment, the one of the training or another.
        episodes: how many episodes end at least; as many environments, 8 at most, run side by side.
        seed: every random number of the environments follows from it.
        costs: where the record finds the cost of a step.
    """
    reader = CostReader(costs)
    with kept_random_state():
        make = lambda: for_agent(make_with_costs(env, reader, agent.options.action_repeat))  # noqa: E731
        venv = DummyVecEnv([make] * min(8, episodes))
        venv.seed(seed)
        record = EpisodeRecorder(venv, costs=reader, obs_key=agent.obs_key)
        obs: Any = record.reset()
        while len(record.finished) < episodes:
            actions, _ = agent.algorithm.predict(agent.normaliser.normalize_obs(obs), deterministic=True)
            obs = record.step(actions)[0]
        venv.close()
    return record


def save_agent(agent: TrainedAgent, folder: Path) -> None:
    """Write `agent.zip`, for `load` of its Stable-Baselines3 class, and `normaliser.npz`, each at once or not at all.

    The agent was trained on clip((obs − mean) / sqrt(variance + epsilon), −clip, clip) with the arrays of that name in
    `normaliser.npz`; without that it acts blindly. Where observations were not normalised, these change nothing. Of a
    Dict, there are a mean and a variance for each part that is normalised, as in "mean/position".

    Raises:
        DataError: a file cannot be written.
    """
    buffer = io.BytesIO()
    agent.algorithm.save(buffer)
    write_atomic(folder / "agent.zip", buffer.getvalue())
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **_normaliser(agent.normaliser))
    write_atomic(folder / "normaliser.npz", buffer.getvalue())


def _normaliser(normaliser: VecNormalize) -> dict[str, np.ndarray]:
    clip, epsilon = np.array(normaliser.clip_obs), np.array(normaliser.epsilon)
    if isinstance(normaliser.observation_space, Dict):
        parts = normaliser.obs_rms if normaliser.norm_obs else {}
        assert isinstance(parts, dict)
        means = {f"mean/{key}": moments.mean for key, moments in parts.items()}
        return {**means, **{f"variance/{key}": one.var for key, one in parts.items()}, "epsilon": epsilon, "clip": clip}
    if not normaliser.norm_obs:
        shape = normaliser.observation_space.shape or ()
        unchanged = {"mean": np.zeros(shape), "variance": np.ones(shape)}
        return {**unchanged, "epsilon": np.array(0.0), "clip": np.array(np.inf)}
    moments = normaliser.obs_rms
    assert isinstance(moments, RunningMeanStd)
    return {"mean": moments.mean, "variance": moments.var, "epsilon": epsilon, "clip": clip}


class _Steps(BaseCallback):
    """Tells how many steps are done."""

    def __init__(self, report: StepReport, total: int) -> None:
        super().__init__()
        self._report, self._total = report, total

    def _on_step(self) -> bool:
        self._report(min(self.num_timesteps, self._total), self._total)
        return True
