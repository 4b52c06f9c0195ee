"""`HeldNormaliser`: reward statistics of a VecNormalize that wait for rewards which come later."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize


class HeldNormaliser:
    """Keeps the reward statistics of `normaliser` still during a rollout, and moves them when its rewards are known.

    What `replay` gives and leaves behind is, to the bit, what VecNormalize would have with these rewards in its steps.
    """

    def __init__(self, normaliser: VecNormalize) -> None:
        self._normaliser = normaliser
        self._held: tuple[RunningMeanStd, np.ndarray] | None = None

    def hold(self) -> None:
        """Keep the statistics as they are now."""
        moving = self._normaliser.ret_rms
        if isinstance(moving, _Still):  # an interrupted training left it behind
            moving = moving.copy()
        self._held = moving, self._normaliser.returns.copy()
        self._normaliser.ret_rms = _Still(moving)

    def replay(self, rewards: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Return normalised rewards [T, E] in float32, for the rewards and ends [T, E] of the steps since `hold`."""
        assert self._held is not None, "hold comes before replay"
        normaliser = self._normaliser
        (normaliser.ret_rms, normaliser.returns), self._held = self._held, None
        normalised = np.empty_like(rewards)
        for step, (reward, dones) in enumerate(zip(rewards, ended, strict=True)):
            if normaliser.training:
                normaliser._update_reward(reward)
            normalised[step] = normaliser.normalize_reward(reward)
            normaliser.returns[dones] = 0
        return normalised


class _Still(RunningMeanStd):
    """Statistics that do not move; copied or pickled, e.g. by a checkpoint in mid-rollout, they are plain ones."""

    def __init__(self, moving: RunningMeanStd) -> None:
        super().__init__(shape=moving.mean.shape)
        self.mean, self.var, self.count = moving.mean, moving.var, moving.count

    def update(self, arr: np.ndarray) -> None:
        pass

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy.copy, (self.copy(),)  # pickle wants the class of what is reduced, or a function that gives it
