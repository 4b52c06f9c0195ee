"""A world that thinks for long where it is told to; a process that makes it imports little."""

from __future__ import annotations

import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Slow(gymnasium.Env):
    """Counts to 40 in three columns; an action above 0.9 takes a minute."""

    def __init__(self) -> None:
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if float(np.asarray(action).ravel()[0]) > 0.9:
            time.sleep(60)
        self._steps += 1
        return np.full(3, self._steps / 40, np.float32), 0.0, False, self._steps == 40, {}
