"""The upper reference: an agent whose reward is lowered by the true cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper


class TrueCostPenalty(VecEnvWrapper):
    """r' = r − weight · 1[cost > 0]."""

    def __init__(self, venv: VecEnv, weight: float) -> None:
        super().__init__(venv)
        self.weight = weight

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        unsafe = np.array([info["cost"] > 0 for info in infos])
        return obs, (rewards - self.weight * unsafe).astype(np.float32), dones, infos
