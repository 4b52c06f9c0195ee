"""A learned reward in skrl: its wrapper takes `LearnedReward` as any environment of Gymnasium."""

from __future__ import annotations

from typing import Any

import torch
from skrl.envs.wrappers.torch import wrap_env

import tsreward


def returns(env: Any, model: tsreward.RewardModel, steps: int = 200, seed: int = 0) -> tuple[float, float]:
    """Act at random for some steps, and return the sums of the learned rewards and of the environment's."""
    wrapped = wrap_env(tsreward.LearnedReward(env, model), wrapper="gymnasium", verbose=False)
    torch.manual_seed(seed)
    wrapped.reset()
    learned = true = 0.0
    for _ in range(steps):
        action = 2 * torch.rand(1, *wrapped.action_space.shape) - 1
        _, reward, terminated, truncated, info = wrapped.step(action)
        learned, true = learned + float(reward), true + float(info["original_reward"])
        if terminated.any() or truncated.any():
            wrapped.reset()
    return learned, true
