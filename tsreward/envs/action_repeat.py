"""Repeat every action: fewer decisions, and consequences that come sooner."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from tsreward.errors import OptionError


class ActionRepeat(gymnasium.Wrapper, RecordConstructorArgs):
    """Take every action `times` steps long, or until the episode ends; rewards and `info["cost"]` add up.

    >>> env = ActionRepeat(gymnasium.make("CartPole-v1"), times=3)
    >>> _ = env.reset(seed=0)
    >>> env.step(0)[1]
    3.0
    """

    def __init__(self, env: gymnasium.Env, times: int) -> None:
        RecordConstructorArgs.__init__(self, times=times)
        gymnasium.Wrapper.__init__(self, env)
        if times < 1:
            raise OptionError(f"ActionRepeat repeats an action at least once, got {times}.")
        self.times = times

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self.env.step(action)
        total, cost = float(reward), info.get("cost", 0.0)
        for _ in range(self.times - 1):
            if terminated or truncated:
                break
            obs, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            cost += info.get("cost", 0.0)
        return obs, total, terminated, truncated, {**info, "cost": cost} if "cost" in info else info
