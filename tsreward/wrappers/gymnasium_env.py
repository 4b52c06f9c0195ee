"""`LearnedReward`: a learned reward for one Gymnasium environment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.utils import RecordConstructorArgs
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.functional.tensors import as_tensor
from tsreward.io.hub import as_model
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_driven
from tsreward.wrappers.env_rewards import EnvRewards, RewardReduce
from tsreward.wrappers.hindsight import METHOD, tell_hindsight
from tsreward.wrappers.infos import EPISODE_KEYS, EpisodeReturns, inner_apart
from tsreward.wrappers.obs_parts import ObsKey
from tsreward.wrappers.reward_obs import RewardObs
from tsreward.wrappers.stack import check_stack


class LearnedReward(gymnasium.Wrapper, RecordConstructorArgs):
    """Give the rewards of `model`, and keep the environment's in `info["original_reward"]`.

    The info also gets `anomaly_score`, `anomaly_p_value` and `is_anomaly`; every other key stays, `cost` among them. In
    the last step of an episode it gets `ep_learned_rew` and `ep_true_rew`, the sums of both rewards.

    Args:
        env: an environment whose observations, flattened where they are several parts, have the model's shape.
        model: a fitted model, or what `tsreward.from_pretrained` takes: a path, zoo:NAME, owner/name on the hub.
        bonus: added to the rewards.
        frames: how frames stand in the observations, where other wrappers stack, transpose or scale them: the model
            reads the newest one, and the agent keeps its own observations.
        nested: another learned reward inside is meant: this one is added to it, and what the inner one says is in the
            info under `inner_anomaly_score` and so on, its reward under `inner_reward`.
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
        ProtocolError: a normaliser or a learned reward inside that is not allowed; or a mode that nobody moves.
        StrictError: in a step, a warning where strict asks for an error.
        DataError: in a step, an observation holds NaN or inf.
    """

    stream: RewardStream
    is_learned_reward = True

    def __init__(
        self,
        env: gymnasium.Env,
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
        # Without a copy: the recorded model is the one that runs, not a second one per environment.
        kept = {"nested": nested, "allow_normalised": allow_normalised, "driven": driven, "strict": strict}
        kept |= {"obs_key": obs_key, "reward_reduce": reward_reduce}
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, model=model, bonus=bonus, frames=frames, **kept)
        gymnasium.Wrapper.__init__(self, env)
        who, model = type(self).__name__, as_model(model)
        self._reward_obs = RewardObs(who, model, env.observation_space, obs_key, frames, env)
        self._env_rewards = EnvRewards(who, model, reward_reduce)
        self._nested = check_stack(who, env, allow_normalised, nested)
        check_driven(who, model, driven)
        self.stream = RewardStream(model, 1, bonus, frames)
        self.stream.monitor = Monitor(model, who, strict, early=True)
        self._strict, self._told_hindsight = strict, False
        self._returns = EpisodeReturns(1)

    def get_wrapper_attr(self, name: str) -> Any:
        """Return what the environment calls `name`; hindsight replay asks for rewards here, which are not learned."""
        found = super().get_wrapper_attr(name)
        if name != METHOD or self._told_hindsight:
            return found

        def asked(achieved: Any, *others: Any) -> Any:
            if np.size(achieved) and not self._told_hindsight:
                self._told_hindsight = True
                tell_hindsight(type(self).__name__, self._strict)
            return found(achieved, *others)

        return asked

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and begin its episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.stream.start(self._row(obs))
        self._returns.begin()
        return obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return what the environment gives, with the learned reward in place of its own."""
        obs, env_reward, terminated, truncated, info = self.env.step(action)
        paid = self._env_rewards(env_reward, 1)
        earned = self.stream.step(self._row(obs), None if paid is None else torch.from_numpy(paid))
        true = info["original_reward"] if self._nested else env_reward
        counted = true if self._nested else math.nan if paid is None else paid[0]
        info = {
            **(inner_apart(info, env_reward) if self._nested else info),
            "original_reward": true,
            "anomaly_score": earned.score.item(),
            "anomaly_p_value": earned.p_value.item(),
            "is_anomaly": earned.is_anomaly.item(),
        }
        reward, ended = earned.reward.item(), bool(terminated or truncated)
        sums = self._returns.add(reward, counted, ended)
        if ended:
            info |= dict(zip(EPISODE_KEYS, sums[:, 0].tolist(), strict=True))
        return obs, reward, terminated, truncated, info

    def _row(self, obs: Any) -> Tensor:
        return as_tensor(self._reward_obs.of_one(obs))[None]
