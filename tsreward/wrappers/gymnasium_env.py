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
from tsreward.pipeline.stream import RewardStream
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.wrappers.checks import check_model


class LearnedReward(gymnasium.Wrapper, RecordConstructorArgs):
    """Give the rewards of `model`, and keep the environment's in `info["original_reward"]`.

    The info also gets `anomaly_score`, `anomaly_p_value` and `is_anomaly`; every other key stays, `cost` among them.
    `frames` says how frames stand in the observation, where other wrappers stack, transpose or scale them: the model
    reads the newest one, and the agent keeps its own observation.

    Raises:
        ShapeError: the observation is not a Box, or not of the model's shape.
        NotFittedError: the model is not fitted.
        DataError: in a step, an observation holds NaN or inf.
    """

    stream: RewardStream

    def __init__(
        self,
        env: gymnasium.Env,
        model: RewardModel,
        bonus: ExplorationBonus | None = None,
        frames: FrameLayout | None = None,
    ) -> None:
        # Without a copy: the recorded model is the one that runs, not a second one per environment.
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, model=model, bonus=bonus, frames=frames)
        gymnasium.Wrapper.__init__(self, env)
        check_model(type(self).__name__, model, env.observation_space, frames, env)
        self.stream = RewardStream(model, 1, bonus, frames)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and begin its episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.stream.start(_row(obs))
        return obs, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return what the environment gives, with the learned reward in place of its own."""
        obs, env_reward, terminated, truncated, info = self.env.step(action)
        earned = self.stream.step(_row(obs), torch.tensor([float(env_reward)], dtype=torch.float64))
        info = {
            **info,
            "original_reward": env_reward,
            "anomaly_score": earned.score.item(),
            "anomaly_p_value": earned.p_value.item(),
            "is_anomaly": earned.is_anomaly.item(),
        }
        return obs, earned.reward.item(), terminated, truncated, info


def _row(obs: Any) -> Tensor:
    return as_tensor(np.asarray(obs))[None]
