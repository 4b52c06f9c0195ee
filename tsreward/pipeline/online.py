"""`OnlineReward`: the rewards of running episodes, step by step."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.shaping import smooth_step
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sequences.windows import StreamBuffer


class StepReward(NamedTuple):
    """What one step of E environments earned."""

    reward: Tensor
    """[E] float64, higher is better."""
    score: Tensor
    """[E] float32, higher is stranger; after smoothing."""
    p_value: Tensor
    """[E] float32, calibrated p-value of the score."""
    is_anomaly: Tensor
    """[E] bool, the score passes the threshold."""


class OnlineReward:
    """State of E environments: call `start` with first observations and `step` with every one that follows."""

    def __init__(self, model: RewardModel, num_envs: int, bonus: ExplorationBonus | None = None) -> None:
        self.model, self.num_envs, self.bonus = model, num_envs, bonus
        self._stream = StreamBuffer(model.window, model.frame_skip)
        self._smoothed = torch.full((num_envs,), torch.nan)

    @torch.inference_mode()
    def start(self, obs: Tensor, mask: Tensor | None = None) -> None:
        """Begin episodes at observations [E, *obs], only where `mask` [E] is true."""
        self._check(obs)
        self._stream.start(self._encoded(obs, mask), mask)
        if self.model.mode.options.smoothing:
            begun = torch.ones(self.num_envs, dtype=torch.bool) if mask is None else mask
            self._smoothed = torch.where(begun, torch.nan, self._smoothed)

    @torch.inference_mode()
    def step(self, obs: Tensor, env_reward: Tensor | None, mask: Tensor | None = None) -> StepReward:
        """Return what the transitions that arrived at observations [E, *obs] earn.

        `mask` [E] is false for environments that did not move; their state stays, and their entries mean nothing.
        """
        self._check(obs)
        if env_reward is not None and env_reward.shape != (self.num_envs,):
            raise ShapeError(f"OnlineReward expects rewards [{self.num_envs}], got {list(env_reward.shape)}.")
        if env_reward is not None:
            checked_rewards(env_reward if mask is None else env_reward[mask])
        model, mode = self.model, self.model.mode
        self._stream.push(self._encoded(obs, mask), mask)
        windows = self._stream.windows()
        score = model.score(windows)
        if mode.options.smoothing:
            smoothed = smooth_step(self._smoothed, score, mode.options.smoothing)
            self._smoothed = smoothed if mask is None else torch.where(mask, smoothed, self._smoothed)
            score = smoothed
        p_value = model.calibration.p_value(score)
        reward = mode(score, p_value, env_reward)
        if self.bonus is not None:
            reward = reward + self.bonus(windows)
        return StepReward(reward, score, p_value, score > mode.threshold)

    def _encoded(self, obs: Tensor, mask: Tensor | None) -> Tensor:
        """Return features [E, D], zeros where `mask` is false: what stands there is encoded when its turn comes."""
        if mask is None or mask.all():
            return self.model.encode(obs)
        features = self.model.encode(obs[mask])
        return features.new_zeros(len(obs), *features.shape[1:]).index_put_((mask,), features)

    def _check(self, obs: Tensor) -> None:
        if len(obs) != self.num_envs:
            raise ShapeError(f"OnlineReward serves {self.num_envs} environments, got observations {list(obs.shape)}.")
        # One sum sees every NaN and inf; only where it is not finite does a second look tell which rows they are in.
        if obs.is_floating_point() and not math.isfinite(obs.sum().item()) and not torch.isfinite(obs).all():
            bad = (~torch.isfinite(obs.flatten(1)).all(1)).nonzero().flatten().tolist()
            raise DataError(f"Environment(s) {bad[:5]} gave NaN or inf in the observation: reset or repair them.")


def checked_rewards(rewards: Tensor) -> Tensor:
    """Return the environment's rewards as they are.

    Raises:
        DataError: NaN or inf among them.
    """
    if not math.isfinite(rewards.sum().item()) and not torch.isfinite(rewards).all():
        bad = (~torch.isfinite(rewards)).nonzero().flatten().tolist()
        raise DataError(f"The environment's reward is NaN or inf at {bad[:5]}: repair the environment.")
    return rewards
