"""Environments that are learned from in a second; importing this module registers them under Tiny/."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete


class TinyEnv(gymnasium.Env):
    """A walk on a line that the action pushes; it pays for going right, and costs where it is right of 0.5."""

    def __init__(
        self, cost: bool = True, dim: int = 3, discrete: bool = False, broken: int | None = None, end: float = 1.5
    ) -> None:
        self.cost, self.dim, self.broken, self.end = cost, dim, broken, end
        self.observation_space = Box(-np.inf, np.inf, (dim,), np.float32)
        self.action_space = Discrete(2) if discrete else Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.steps = float(self.np_random.uniform(-0.5, 0.5)), 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        push = float(action) * 2 - 1 if isinstance(self.action_space, Discrete) else float(action[0])
        self.place += 0.2 * push + float(self.np_random.normal(0, 0.1))
        self.steps += 1
        info = {"cost": float(self.place > 0.5)} if self.cost else {}
        return self._obs(), self.place, self.place > self.end, False, info

    def _obs(self) -> np.ndarray:
        obs = np.full(self.dim, self.place, np.float32) + self.np_random.normal(0, 0.01, self.dim).astype(np.float32)
        if self.broken is not None and self.steps >= self.broken:
            obs[0] = np.nan
        return obs


_VARIANTS: dict[str, dict[str, Any]] = {
    "Cost": {},
    "Plain": {"cost": False},
    "Wide": {"dim": 5},
    "Discrete": {"discrete": True},
    "Broken": {"broken": 4},
}
for _name, _options in _VARIANTS.items():
    gymnasium.register(f"Tiny/{_name}-v0", TinyEnv, max_episode_steps=12, kwargs=_options, disable_env_checker=True)
gymnasium.register("Tiny/Endless-v0", TinyEnv, kwargs={"end": np.inf}, disable_env_checker=True)
