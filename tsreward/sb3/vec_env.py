"""`LearnedRewardVecEnv`: a learned reward for Stable-Baselines3 algorithms, paid in every step or once per rollout."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import OptionError, ProtocolError, ShapeError, missing_extra
from tsreward.functional.arrays import as_array
from tsreward.functional.tensors import as_tensor
from tsreward.io.hub import as_model
from tsreward.pipeline.model import RewardModel, StepReward
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_fitted
from tsreward.wrappers.env_rewards import EnvRewards, RewardReduce
from tsreward.wrappers.hindsight import METHOD, tell_hindsight
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS, EarnedEpisode, EpisodeReturns, EpisodeScores, inner_apart
from tsreward.wrappers.obs_parts import ObsKey
from tsreward.wrappers.reward_obs import RewardObs
from tsreward.wrappers.stack import check_stack
from tsreward.wrappers.workers import Workers

try:
    from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
except ImportError as error:
    raise missing_extra("stable_baselines3", "sb3") from error


RewardSource = Literal["observation", "frame"]
"""observation: what the agent sees. frame: `info["frame"]` of every step and reset, e.g. of `FrameInInfo`."""


class LearnedRewardVecEnv(VecEnvWrapper):
    """Pay the rewards of `model` in place of the environments' own.

    **In every step** (`lazy=False`), `step` returns them in float32, as everywhere in Stable-Baselines3. The infos keep
    the environment's reward in `original_reward` and get `anomaly_score`, `anomaly_p_value` and `is_anomaly`; every
    other key stays. In the last step of an episode they get `ep_learned_rew` and `ep_true_rew`, the sums of both
    rewards, which `LearnedRewardCallback` logs. A VecMonitor outside logs the learned return as `rollout/ep_rew_mean`,
    a Monitor inside the true one.

    **Lazily** (`lazy=True`), steps are noted and scored together: for PPO and A2C when a rollout ends, for SAC and TD3
    in chunks or when a transition is sampled. The rewards are bit-identical, in less time, and a scorer may go on
    learning meanwhile. `step` returns the environment's rewards and leaves the infos as they are, but for
    `ep_true_rew`; `LearnedRewardCallback` puts the learned rewards where the algorithm learns from them.

    What needs a callback refuses to step without one: lazy rewards, and a reward mode that moves while an agent trains
    (`Lagrangian`). To normalise, put VecNormalize outside: `VecNormalize(LearnedRewardVecEnv(venv, model))`.

    Args:
        venv: environments whose observations, flattened where they are several parts, have the model's shape.
        model: a fitted model, or what `tsreward.from_pretrained` takes: a path, zoo:NAME, owner/name on the hub.
        bonus: added to the rewards. Lazily, the callback lets it learn from the agent's windows; in every step it stays
            as it is.
        reward_obs: what the model looks at: "observation", or "frame" for `info["frame"]`.
        lazy: whether rewards are computed later, many at once.
        frames: how frames stand in what the model looks at, where other wrappers stack, transpose or scale them: the
            model reads the newest ones, and the agent keeps its own observations.
        nested: another learned reward inside is meant: this one is added to it, and what the inner one says is in the
            infos under `inner_anomaly_score` and so on, its reward under `inner_reward`.
        allow_normalised: the model was fitted on what normalisers of single environments give.
        strict: raise an error where a warning would be given, because the first 1,000 observations are not what the
            model was fitted on (see `tsreward.pipeline.monitor.Monitor`).
        obs_key: what the model looks at, where the observation is a Dict or a Tuple: a key, a tuple that leads to one
            inside others, a list of keys, or a function that gets one observation; the agent keeps all of it. None is
            all parts side by side.
        reward_reduce: what becomes of rewards of several numbers: "sum", "mean", the number of one, or a function. A
            likeness does without.

    Raises:
        ShapeError: the observation is not a Box, or not of the model's shape; or, in a step, a frame is not.
        NotFittedError: the model is not fitted.
        OptionError: `reward_obs` is neither observation nor frame; or lazy rewards of a mode that moves while an agent
            trains.
        ProtocolError: there is a VecNormalize inside, or another normaliser or a learned reward that is not allowed;
            or, in a step, the callback is missing, an episode ended without `terminal_observation`, or there is no
            frame to look at.
        DataError: in a step, an observation or a reward is NaN or inf.
        WorkerError: a process of the environments has died.
    """

    is_learned_reward = True

    def __init__(
        self,
        venv: VecEnv,
        model: RewardModel | str | Path,
        bonus: ExplorationBonus | None = None,
        reward_obs: RewardSource = "observation",
        lazy: bool = False,
        frames: FrameLayout | None = None,
        *,
        nested: bool = False,
        allow_normalised: bool = False,
        strict: bool = False,
        obs_key: ObsKey | None = None,
        reward_reduce: RewardReduce | None = None,
    ) -> None:
        _refuse_normaliser(venv)
        model = as_model(model)
        self._workers = Workers("LearnedRewardVecEnv", venv)
        with self._workers.watched():
            self._nested = check_stack("LearnedRewardVecEnv", venv, allow_normalised, nested)
        self._kept: dict[str, Any] = {
            "reward_obs": reward_obs,
            "frames": frames,
            "obs_key": obs_key,
            "reward_reduce": reward_reduce,
            "nested": nested,
            "allow_normalised": allow_normalised,
        }
        self._reported: Literal["true", "learned"] = "true"
        """Which return a Monitor inside reports."""
        self._reward_obs = _RewardObs(venv, model, reward_obs, frames, obs_key)
        self._env_rewards = EnvRewards("LearnedRewardVecEnv", model, reward_reduce)
        if lazy and model.mode.moves_while_training:
            raise OptionError(
                f"Lazy rewards need a mode that stays the same, and {type(model.mode).__name__} moves while an agent "
                f"trains: use LearnedRewardVecEnv(venv, model, lazy=False), or the mode Penalty."
            )
        super().__init__(venv)
        self._strict, self._told_hindsight = strict, False
        self.model, self.bonus, self.lazy = model, bonus, lazy
        self.stream = RewardStream(model, venv.num_envs, None if lazy else bonus, frames)
        self.stream.monitor = Monitor(model, "LearnedRewardVecEnv", strict, early=True)
        self.driven = False
        """Whether somebody takes lazy rewards and moves the reward mode. `LearnedRewardCallback` sets it for the time
        of a training; set it where a loop of your own does, or to evaluate with a mode as it is."""
        self.age = np.full(venv.num_envs, -1)
        """[E] steps of the episode before the last step."""
        self.finished: deque[tuple[float, float]] = deque(maxlen=100)
        """The learned and the true returns of the latest episodes, without a bonus where rewards are lazy."""
        self.episodes = 0
        """How many episodes have ended, and are paid."""
        self.on_episode: Callable[[EarnedEpisode], None] | None = None
        """Is told what every episode earned, in the order in which they end; lazily, when the steps are scored."""
        self.keep_features = False
        """Whether `on_episode` is given the features of every step too."""
        self._returns, self._true_returns = EpisodeReturns(venv.num_envs), EpisodeReturns(venv.num_envs)
        self._scores = EpisodeScores(venv.num_envs)
        self._unpaid: list[tuple[np.ndarray, np.ndarray] | None] = []
        """The environments' rewards [E] and ends [E] of lazy steps that are not paid yet; None is a reset."""

    def env_method(self, method_name: str, *method_args: Any, **kwargs: Any) -> list[Any]:
        """Call a method of the environments; hindsight replay asks for rewards here, which are not learned ones."""
        if method_name == METHOD and not self._told_hindsight and len(method_args[0]):
            self._told_hindsight = True
            tell_hindsight("LearnedRewardVecEnv", self._strict)
        with self._workers.watched():
            return super().env_method(method_name, *method_args, **kwargs)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environments."""
        with self._workers.watched():
            return super().get_attr(attr_name, indices)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the environments."""
        with self._workers.watched():
            super().set_attr(attr_name, value, indices)

    def get_images(self) -> Any:
        """Return what the environments draw."""
        with self._workers.watched():
            return super().get_images()

    def close(self) -> None:
        """Close the environments, whatever has become of their processes."""
        self._workers.close(super().close)

    def reset(self) -> Any:
        """Reset all environments and begin their episodes."""
        with self._workers.watched():
            obs = self.venv.reset()
        self.stream.start(as_tensor(self._reward_obs.begun(obs)))
        self._next_age = np.zeros(self.num_envs, np.int64)
        self._true_returns.begin()
        if self.lazy:
            self._unpaid.append(None)
        else:
            self._begin()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Begin a step."""
        with self._workers.watched():
            super().step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Return observations, rewards [E] in a fresh array, ends and infos of the step that was begun."""
        self._check_driven()
        with self._workers.watched():
            obs, env_rewards, dones, infos = self.venv.step_wait()
        dones = as_array(dones).astype(bool)
        paid = self._env_rewards(env_rewards, self.num_envs)
        rewarded = None if paid is None else torch.from_numpy(paid)
        env_rewards = np.full(self.num_envs, np.nan, np.float32) if paid is None else _kept(env_rewards, paid)
        arrived = as_tensor(self._reward_obs.arrived(obs, dones, infos))
        earned = None
        if self.lazy:
            self.stream.push(arrived, rewarded)
        else:
            earned = self.stream.step(arrived, rewarded).cpu()
        if dones.any():
            self.stream.start(as_tensor(self._reward_obs.begun(obs)), as_tensor(dones))
        self.age = self._next_age
        self._next_age = np.where(dones, 0, self.age + 1)
        true = env_rewards
        if self._nested:
            true = np.array([info["original_reward"] for info in infos])
            infos = [inner_apart(info, paid) for info, paid in zip(infos, env_rewards.tolist(), strict=True)]
        if earned is None:
            self._unpaid.append((true.copy(), dones.copy()))
            sums = self._true_returns.add(true, true, dones)[1].tolist()
            infos = [{**info, EPISODE_KEYS[1]: sums[i]} if dones[i] else info for i, info in enumerate(infos)]
            return obs, env_rewards.copy(), dones, infos
        rewards = earned.reward.numpy().astype(np.float32)
        columns = (true, earned.score, earned.p_value, earned.is_anomaly)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        infos = [{**info, **dict(zip(INFO_KEYS, row, strict=True))} for info, row in zip(infos, rows, strict=True)]
        features = self.stream.arrivals().cpu().numpy() if self.keep_features else None
        for index, both in self._ended(rewards, true, dones, earned, features):
            infos[index] |= dict(zip(EPISODE_KEYS, both, strict=True))
            if self._reported == "learned" and "episode" in infos[index]:
                infos[index]["episode"] = {**infos[index]["episode"], "r": both[0]}
        # A fresh array: PPO adds the bootstrap value to it in place when an episode is truncated.
        return obs, rewards, dones, infos

    def _begin(self) -> None:
        """Begin to count the episodes of all environments anew."""
        self._returns.begin()
        self._scores.begin()

    def _ended(
        self,
        rewards: np.ndarray,
        true: np.ndarray,
        dones: np.ndarray,
        earned: StepReward,
        features: np.ndarray | None,
    ) -> list[tuple[int, tuple[float, float]]]:
        """Count a step; return which environments ended an episode, with which learned and true return."""
        sums = self._returns.add(rewards, true, dones)
        ended = [(int(index), (float(sums[0, index]), float(sums[1, index]))) for index in np.flatnonzero(dones)]
        self.finished += [both for _, both in ended]
        self.episodes += len(ended)
        if self.on_episode is not None:
            self._scores.add(rewards, earned.score, earned.is_anomaly, features)
            for index, (learned, paid) in ended:
                self.on_episode(self._scores.end(index, learned, paid))
        return ended

    def for_evaluation(self, venv: VecEnv, reported: Literal["true", "learned"]) -> LearnedRewardVecEnv:
        """Return the same learned reward for other environments, paid in every step with the mode as it is then.

        `reported` is the return in `info["episode"]`, where a Monitor inside gives one.
        """
        made = LearnedRewardVecEnv(venv, self.model, None if self.lazy else self.bonus, **self._kept)
        made.driven, made._reported, made.stream.monitor = True, reported, None
        return made

    @property
    def pending(self) -> int:
        """Lazy steps that were noted since the last `take`."""
        return self.stream.pending

    def take(self) -> tuple[np.ndarray, StepReward]:
        """Return the learned rewards [T, E] in float32 of all steps since the last time, and what is behind them.

        Raises:
            ProtocolError: there was none.
        """
        earned = self.stream.flush().cpu()
        rewards, unpaid = earned.reward.numpy().astype(np.float32), self._unpaid
        self._unpaid, waiting = [], enumerate(rewards)
        features = None
        if self.keep_features:
            features = self.stream.arrivals().cpu().unflatten(0, rewards.shape).numpy()
        for step in unpaid:
            if step is None:
                self._begin()
            else:
                row, paid = next(waiting)
                seen = None if features is None else features[row]
                self._ended(paid, *step, StepReward(*(part[row] for part in earned)), seen)
        return rewards, earned

    def windows(self) -> torch.Tensor:
        """Return the feature windows [T · E, K, D] of the steps that were last taken, oldest first.

        Raises:
            ProtocolError: before `take`.
        """
        return self.stream.windows()

    def _check_driven(self) -> None:
        if self.driven or not (self.lazy or self.model.mode.moves_while_training):
            return
        what = (
            "its rewards are lazy, and nobody takes them"
            if self.lazy
            else f"nothing moves its {type(self.model.mode).__name__}"
        )
        other = "use lazy=False" if self.lazy else "use Penalty"
        raise ProtocolError(
            f"LearnedRewardVecEnv steps, but {what}: train with learn(..., callback=LearnedRewardCallback(venv)), or "
            f"{other}. Where a loop of your own does it, or for an evaluation, set venv.driven = True."
        )


class _RewardObs:
    """Finds what the model sees when episodes begin, and where steps arrive before environments reset themselves."""

    def __init__(
        self, venv: VecEnv, model: RewardModel, source: RewardSource, layout: FrameLayout | None, obs_key: ObsKey | None
    ) -> None:
        if source not in ("observation", "frame"):
            raise OptionError(f"LearnedRewardVecEnv.reward_obs is 'observation' or 'frame', got '{source}'.")
        self._seen: RewardObs | None = None
        if source == "observation":
            self._seen = RewardObs("LearnedRewardVecEnv", model, venv.observation_space, obs_key, layout, venv)
        elif obs_key is not None:
            raise OptionError("LearnedRewardVecEnv.obs_key is about observations: leave out reward_obs='frame'.")
        else:
            check_fitted("LearnedRewardVecEnv", model)
        self._venv, self._model, self._source, self._layout = venv, model, source, layout

    def begun(self, obs: Any) -> np.ndarray:
        """Return what is seen [E, *obs] where every environment was last reset; `obs` is what `reset` gave."""
        # Wrappers have a list of their own, which stays empty.
        return self._frames(self._venv.unwrapped.reset_infos) if self._seen is None else self._seen.of_all(obs)

    def arrived(self, obs: Any, dones: np.ndarray, infos: Sequence[dict[str, Any]]) -> np.ndarray:
        """Return what is seen [E, *obs] where the step arrived."""
        if self._seen is None:
            return self._frames(infos)
        seen = self._seen.of_all(obs)
        return _last_obs(self._seen, seen, np.flatnonzero(dones), infos) if dones.any() else seen

    def _frames(self, infos: Sequence[dict[str, Any]]) -> np.ndarray:
        for index, info in enumerate(infos):
            if "frame" not in info:
                raise ProtocolError(
                    f"Environment {index} gave no info['frame'] for LearnedRewardVecEnv to look at: make it with "
                    f"frames beside the observation (tsreward.envs.pixels.FrameInInfo), or look at the observation."
                )
            frame = info["frame"]
            shape = self._model.shape_read(frame.shape, frame.dtype.kind == "f", self._layout)
            if shape != self._model.obs_shape:
                raise ShapeError(
                    f"LearnedRewardVecEnv: the environment gives frames {shape} but the model reads "
                    f"{self._model.obs_shape}: make the environment with frames of that size."
                )
        return np.stack([info["frame"] for info in infos])


def _kept(given: Any, paid: np.ndarray) -> np.ndarray:
    """Return the environments' rewards [E] as they came, where they came as one number for each."""
    return given if isinstance(given, np.ndarray) and given.shape == paid.shape else paid


def _last_obs(seen: RewardObs, obs: np.ndarray, ended: np.ndarray, infos: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return the observations [E, *obs] at which the step arrived, before the environments reset themselves."""
    last = obs.copy()
    for index in ended:
        if "terminal_observation" not in infos[index]:
            raise ProtocolError(
                f"Environment {index} ended an episode without infos[{index}]['terminal_observation']: a VecEnv that "
                f"resets by itself must give it, because obs[{index}] already belongs to the next episode."
            )
        last[index] = seen.of_one(
            infos[index]["terminal_observation"]
        )  # SB3 has already overwritten obs[index] with the reset
    return last


def _refuse_normaliser(venv: VecEnv) -> None:
    """Check that there is no VecNormalize inside."""
    inner: VecEnv | None = venv
    while isinstance(inner, VecEnvWrapper):
        if isinstance(inner, VecNormalize):
            raise ProtocolError(
                "LearnedRewardVecEnv got a VecNormalize inside: off-policy algorithms would take the rewards from "
                "there and drop the learned ones. Turn them round: VecNormalize(LearnedRewardVecEnv(venv, model))."
            )
        inner = inner.venv
