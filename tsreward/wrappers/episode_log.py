"""`EpisodeLog`: the returns of every episode, in a file that other processes read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs


class EpisodeLog(gymnasium.Wrapper, RecordConstructorArgs):
    """Append a line of JSON to `path` for every episode that ends, and change nothing.

    It holds `length` (steps), `true_return` (of the environment's own rewards), `learned_return` (of those that the
    agent gets), and `cost`, the sum of `info["cost"]`, where a step has one. Put it outside of `LearnedReward`. Without
    a learned reward inside, both returns are the environment's.
    """

    def __init__(self, env: gymnasium.Env, path: Path | str) -> None:
        RecordConstructorArgs.__init__(self, path=path)
        gymnasium.Wrapper.__init__(self, env)
        self.path = Path(path)
        self._episode: dict[str, float] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; one that has not ended is not written."""
        self._episode = {"length": 0, "true_return": 0.0, "learned_return": 0.0}
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Return what the environment gives."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        episode = self._episode
        episode["length"] += 1
        episode["true_return"] += float(info.get("original_reward", reward))
        episode["learned_return"] += float(reward)
        if "cost" in info:
            episode["cost"] = episode.get("cost", 0.0) + float(info["cost"])
        if terminated or truncated:
            with self.path.open("a") as file:  # one write, so that lines of several environments do not mix
                file.write(json.dumps(episode) + "\n")
        return obs, reward, terminated, truncated, info
