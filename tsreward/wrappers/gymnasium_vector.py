"""`LearnedRewardVector`: a learned reward for Gymnasium vector environments, in every autoreset mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv, VectorWrapper

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.errors import ProtocolError
from tsreward.functional.arrays import as_array
from tsreward.functional.tensors import as_tensor
from tsreward.io.hub import as_model
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_driven
from tsreward.wrappers.env_rewards import EnvRewards, RewardReduce
from tsreward.wrappers.infos import EPISODE_KEYS, INFO_KEYS, EpisodeReturns, inner_apart
from tsreward.wrappers.obs_parts import ObsKey
from tsreward.wrappers.reward_obs import RewardObs, final_of
from tsreward.wrappers.stack import check_stack
from tsreward.wrappers.workers import Workers

Mode = Literal["NextStep", "SameStep", "Disabled"]


class LearnedRewardVector(VectorWrapper):
    """Give the rewards of `model`, and keep the environments' in `infos["original_reward"]`.

    The infos also get `anomaly_score`, `anomaly_p_value` and `is_anomaly`, each [E] with its mask `_original_reward`
    and so on; every other key stays. They describe the step whose reward is returned, in SAME_STEP too, where the
    environment's own infos of that step are in `infos["final_info"]`.

    In NEXT_STEP the step after an end only resets. It earns no learned reward: there the reward and the score are 0,
    the p-value is 1, nothing is flagged, and the masks are false.

    In steps in which episodes end, the infos get `ep_learned_rew` and `ep_true_rew`, the sums of both rewards, with the
    masks `_ep_learned_rew` and `_ep_true_rew`.

    Args:
        envs: environments whose observations, flattened where they are several parts, have the model's shape; arrays or
            tensors, which the agent gets as they are.
        model: a fitted model, or what `tsreward.from_pretrained` takes: a path, zoo:NAME, owner/name on the hub.
        bonus: added to the rewards.
        frames: how frames stand in the observations, where other wrappers stack, transpose or scale them: the model
            reads the newest one, and the agent keeps its own observations.
        nested: another learned reward inside is meant: this one is added to it, and what the inner one says is in the
            infos under `inner_anomaly_score` and so on, its rewards under `inner_reward`.
        allow_normalised: the model was fitted on what normalisers inside give.
        obs_key: what the model looks at, where the observation is a Dict or a Tuple: a key, a tuple that leads to one
            inside others, a list of keys, or a function that gets one observation; the agent keeps all of it. None is
            all parts side by side.
        reward_reduce: what becomes of rewards of several numbers: "sum", "mean", the number of one, or a function. A
            likeness does without.
        driven: a loop of your own calls `model.mode.update`, for a mode that moves while an agent trains.
        strict: raise an error where a warning would be given, because the first 1,000 observations are not what the
            model was fitted on (see `tsreward.pipeline.monitor.Monitor`).

    Raises:
        ShapeError: the observation is not a Box, or not of the model's shape.
        NotFittedError: the model is not fitted.
        ProtocolError: the autoreset mode is not known; a normaliser or a learned reward inside that is not allowed; a
            mode that nobody moves; or, in a step, SAME_STEP without `final_obs`, or DISABLED
            without a reset after an end.
        StrictError: in a step, a warning where strict asks for an error.
        WorkerError: in a reset or a step, a process of the environments has died.
        DataError: in a step, an observation holds NaN or inf.
    """

    stream: RewardStream
    is_learned_reward = True

    def __init__(
        self,
        envs: VectorEnv,
        model: RewardModel | str | Path,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
        *,
        nested: bool = False,
        allow_normalised: bool = False,
        driven: bool = False,
        strict: bool = False,
        obs_key: ObsKey | None = None,
        reward_reduce: RewardReduce | None = None,
    ) -> None:
        who, model = type(self).__name__, as_model(model)
        self._reward_obs = RewardObs(who, model, envs.single_observation_space, obs_key, frames, envs)
        self._env_rewards = EnvRewards(who, model, reward_reduce)
        self._workers = Workers(who, envs)
        with self._workers.watched():
            self._nested = check_stack(who, envs, allow_normalised, nested)
        check_driven(who, model, driven)
        mode = _autoreset_mode(envs)
        super().__init__(envs)  # not before the checks: where one fails, deleting the wrapper would close `envs`
        self._returns = EpisodeReturns(envs.num_envs)
        self.stream = RewardStream(model, envs.num_envs, bonus, frames)
        self.stream.monitor = Monitor(model, who, strict, early=True)
        self._mode = mode
        self._waiting = np.zeros(envs.num_envs, bool)  # [E], the last episode ended and the next has not begun

    @property
    def autoreset_mode(self) -> Any:
        """The `gymnasium.vector.AutoresetMode` of the environments; "NextStep" where Gymnasium has no such class."""
        modes = getattr(gymnasium.vector, "AutoresetMode", None)
        return self._mode if modes is None else modes(self._mode)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, only those in `options["reset_mask"]` where it is given, and begin their episodes."""
        mask = np.ones(self.num_envs, bool)
        if options is not None:
            mask = np.array(as_array(options.get("reset_mask", mask)), bool)
            options = dict(options)  # Gymnasium pops the mask out of the dict that it is given
        with self._workers.watched():
            obs, infos = super().reset(seed=seed, options=options)
        self.stream.start(as_tensor(self._reward_obs.of_all(obs)), torch.from_numpy(mask))
        self._waiting = self._waiting & ~mask
        self._returns.begin(mask)
        return obs, infos

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Return what the environments give, with the learned rewards [E] in float64 in place of their own."""
        if self._mode == "Disabled" and self._waiting.any():
            raise ProtocolError(
                f"Environment(s) {np.flatnonzero(self._waiting)[:5].tolist()} ended and autoreset is disabled: call "
                f"reset(options={{'reset_mask': terminated | truncated}}) before the next step."
            )
        with self._workers.watched():
            obs, env_rewards, terminated, truncated, infos = self.env.step(actions)
        ended, moved = as_array(terminated).astype(bool) | as_array(truncated).astype(bool), ~self._waiting
        in_place = self._mode == "SameStep" and ended.any()
        seen = self._reward_obs.of_all(obs)
        last = self._last(seen, ended, infos) if in_place else seen
        paid = self._env_rewards(env_rewards, self.num_envs)
        # Where an environment only reset, its frame is encoded by `start`.
        rewarded = None if paid is None else torch.from_numpy(paid)
        earned = self.stream.step(as_tensor(last), rewarded, torch.from_numpy(moved)).cpu()
        begun = ended if in_place else ~moved
        if begun.any():
            self.stream.start(as_tensor(seen), torch.from_numpy(begun))
        if self._mode != "SameStep":
            self._waiting = ended
        true = np.array(as_array(env_rewards))
        counted = np.full(self.num_envs, np.nan) if paid is None else paid
        if self._nested:
            true = counted = _original(infos, ended, self.num_envs)
            infos = inner_apart(infos, np.array(as_array(env_rewards))) | {"_inner_reward": moved.copy()}
        rewards = np.where(moved, earned.reward.numpy(), 0.0)
        infos = {
            **infos,
            "original_reward": true,
            "anomaly_score": np.where(moved, earned.score.numpy(), np.float32(0)),
            "anomaly_p_value": np.where(moved, earned.p_value.numpy(), np.float32(1)),
            "is_anomaly": moved & earned.is_anomaly.numpy(),
        }
        infos |= {f"_{key}": moved.copy() for key in INFO_KEYS}
        sums = self._returns.add(rewards, np.where(moved, counted, 0.0), ended)
        if ended.any():
            for key, sum_ in zip(EPISODE_KEYS, sums, strict=True):
                infos |= {key: np.where(ended, sum_, 0.0), f"_{key}": ended.copy()}
        return obs, rewards, terminated, truncated, infos

    def render(self) -> Any:
        """Return what the environments draw."""
        with self._workers.watched():
            return super().render()

    def close(self, **kwargs: Any) -> None:
        """Close the environments, whatever has become of their processes."""
        self._workers.close(lambda: VectorWrapper.close(self, **kwargs))

    def _last(self, seen: np.ndarray, ended: np.ndarray, infos: dict[str, Any]) -> np.ndarray:
        """Return what is seen [E, *obs] where the step arrived, before the environments reset themselves.

        Who ended is read from `ended` alone: AtariVectorEnv gives every row of `final_obs`, and no mask.
        """
        if "final_obs" not in infos:
            raise ProtocolError(
                f"Environment(s) {np.flatnonzero(ended)[:5].tolist()} ended under AutoresetMode.SAME_STEP without "
                f"infos['final_obs']: use NEXT_STEP, or an environment that gives the last observation."
            )
        last = np.array(seen)
        for index in np.flatnonzero(ended):
            # seen[index] is already the first of the next episode
            last[index] = self._reward_obs.of_one(final_of(infos["final_obs"], index))
        return last


def _original(infos: dict[str, Any], ended: np.ndarray, num_envs: int) -> np.ndarray:
    """Return the environments' rewards [E] that a learned reward inside has kept.

    Where single environments are wrapped, SAME_STEP moves the info of an episode's last step to `final_info`.
    """
    rewards = np.array(infos.get("original_reward", np.zeros(num_envs)), np.float64)
    final = infos.get("final_info", {}).get("original_reward")
    return rewards if final is None else np.where(ended, final, rewards)


def _autoreset_mode(envs: VectorEnv) -> Mode:
    """Return how the environments reset after an end.

    Asked from the environment itself first: `metadata` is shared by all instances of a class in Gymnasium 1.1 to 1.3,
    and then tells the mode of whichever was made last.
    """
    mode = getattr(envs.unwrapped, "autoreset_mode", None) or envs.unwrapped.metadata.get("autoreset_mode")
    if mode is None and not hasattr(gymnasium.vector, "AutoresetMode"):
        return "NextStep"  # Gymnasium 1.0 knows no other
    value = getattr(mode, "value", mode)
    if value not in ("NextStep", "SameStep", "Disabled"):
        raise ProtocolError(
            f"LearnedRewardVector must know how {envs} resets, got autoreset_mode {mode!r}: set "
            f"envs.unwrapped.autoreset_mode to a gymnasium.vector.AutoresetMode."
        )
    return value
