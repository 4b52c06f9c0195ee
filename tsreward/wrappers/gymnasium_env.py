"""`LearnedReward`: a learned reward for one Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.utils import RecordConstructorArgs
from torch import Tensor

from tsreward.encoders.frame_layout import FrameLayout
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_driven, check_model
from tsreward.wrappers.infos import EPISODE_KEYS, EpisodeReturns, inner_apart
from tsreward.wrappers.stack import check_stack


class LearnedReward(gymnasium.Wrapper, RecordConstructorArgs):
    """Give the rewards of `model`, and keep the environment's in `info["original_reward"]`.

    The info also gets `anomaly_score`, `anomaly_p_value` and `is_anomaly`; every other key stays, `cost` among them. In
    the last step of an episode it gets `ep_learned_rew` and `ep_true_rew`, the sums of both rewards.

    Args:
        env: an environment with Box observations of the model's shape.
        model: a fitted model.
        bonus: added to the rewards.
        frames: how frames stand in the observations, where other wrappers stack, transpose or scale them: the model
            reads the newest one, and the agent keeps its own observations.
        nested: another learned reward inside is meant: this one is added to it, and what the inner one says is in the
            info under `inner_anomaly_score` and so on, its reward under `inner_reward`.
        allow_normalised: the model was fitted on what normalisers inside give.
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
        model: RewardModel,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
        *,
        nested: bool = False,
        allow_normalised: bool = False,
        driven: bool = False,
        strict: bool = False,
    ) -> None:
        # Without a copy: the recorded model is the one that runs, not a second one per environment.
        kept = {"nested": nested, "allow_normalised": allow_normalised, "driven": driven, "strict": strict}
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, model=model, bonus=bonus, frames=frames, **kept)
        gymnasium.Wrapper.__init__(self, env)
        who = type(self).__name__
        check_model(who, model, env.observation_space, frames, env)
        self._nested = check_stack(who, env, allow_normalised, nested)
        check_driven(who, model, driven)
        self.stream = RewardStream(model, 1, bonus, frames)
        self.stream.monitor = Monitor(model, who, strict, early=True)
        self._returns = EpisodeReturns(1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and begin its episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.stream.start(_row(obs))
        self._returns.begin()
        return obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return what the environment gives, with the learned reward in place of its own."""
        obs, env_reward, terminated, truncated, info = self.env.step(action)
        earned = self.stream.step(_row(obs), torch.tensor([float(env_reward)], dtype=torch.float64))
        true = info["original_reward"] if self._nested else env_reward
        info = {
            **(inner_apart(info, env_reward) if self._nested else info),
            "original_reward": true,
            "anomaly_score": earned.score.item(),
            "anomaly_p_value": earned.p_value.item(),
            "is_anomaly": earned.is_anomaly.item(),
        }
        reward, ended = earned.reward.item(), bool(terminated or truncated)
        sums = self._returns.add(reward, true, ended)
        if ended:
            info |= dict(zip(EPISODE_KEYS, sums[:, 0].tolist(), strict=True))
        return obs, reward, terminated, truncated, info


def _row(obs: Any) -> Tensor:
    return as_tensor(np.asarray(obs))[None]
