"""What learned rewards say in `info`: of every step, of an episode that ended, and of a learned reward inside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

INFO_KEYS = ("original_reward", "anomaly_score", "anomaly_p_value", "is_anomaly")
"""What every adapter adds to `info`: the environment's reward, the (smoothed) score, its p-value, the flag."""
EPISODE_KEYS = ("ep_learned_rew", "ep_true_rew")
"""What is added in the last step of an episode: the sums of its learned rewards and of the environment's."""
_INNER = "inner_"
_SET_ASIDE = (*INFO_KEYS[1:], "ep_learned_rew", "reward")


class EpisodeReturns:
    """Sums of the learned rewards and of the environment's over the running episodes of E environments."""

    def __init__(self, num_envs: int) -> None:
        self._sums = np.zeros((2, num_envs))

    def begin(self, mask: np.ndarray | None = None) -> None:
        """Begin episodes anew, only where `mask` [E] is true."""
        self._sums[:, slice(None) if mask is None else mask] = 0

    def add(self, learned: Any, true: Any, ended: Any) -> np.ndarray:
        """Add the rewards [E] of a step; return the sums [2, E], learned and true, and forget them where it ended."""
        self._sums[0] += learned
        self._sums[1] += true
        sums = self._sums.copy()
        self._sums[:, ended] = 0
        return sums


class EarnedEpisode(NamedTuple):
    """What a learned reward said of an episode that ended."""

    learned_return: float
    true_return: float
    flag_rate: float
    """Fraction of its steps that were anomalous."""
    quantiles: tuple[float, float, float]
    """The scores that 10, 50 and 90 % of its steps do not exceed."""
    rewards: np.ndarray
    """[T] learned rewards."""
    features: np.ndarray | None
    """[T, D] at which its steps arrived, where they are kept."""


class EpisodeScores:
    """Scores, flags and rewards of the running episodes of E environments, and features where they are kept."""

    def __init__(self, num_envs: int) -> None:
        self._scores: list[list[float]] = [[] for _ in range(num_envs)]
        self._rewards: list[list[float]] = [[] for _ in range(num_envs)]
        self._features: list[list[np.ndarray]] = [[] for _ in range(num_envs)]
        self._flags = [0] * num_envs

    def begin(self) -> None:
        """Begin episodes anew."""
        self.__init__(len(self._scores))

    def add(self, rewards: np.ndarray, scores: Tensor, flags: Tensor, features: np.ndarray | None = None) -> None:
        """Add rewards, scores and flags [E] of a step, and the features [E, D] at which it arrived."""
        rows = zip(rewards.tolist(), scores.tolist(), flags.tolist(), strict=True)
        for env, (reward, score, flag) in enumerate(rows):
            self._rewards[env].append(reward)
            self._scores[env].append(score)
            self._flags[env] += flag
            if features is not None:
                self._features[env].append(features[env])

    def end(self, env: int, learned_return: float, true_return: float) -> EarnedEpisode:
        """Return what is known of the episode of an environment, and forget it."""
        scores, flags, self._scores[env], self._flags[env] = self._scores[env], self._flags[env], [], 0
        rewards, features = np.array(self._rewards[env]), self._features[env]
        self._rewards[env], self._features[env] = [], []
        low, middle, high = np.percentile(scores, (10, 50, 90)).tolist()
        return EarnedEpisode(
            learned_return,
            true_return,
            flags / len(scores),
            (low, middle, high),
            rewards,
            np.stack(features) if len(features) == len(rewards) else None,
        )


def inner_apart(info: dict[str, Any], paid: Any) -> dict[str, Any]:
    """Return `info` of a learned reward inside another, with what that one says under names that begin with inner_.

    `original_reward` and `ep_true_rew` stay: they are the environment's. `inner_reward` is what the inner one paid.

    >>> inner_apart({"original_reward": 1.0, "anomaly_score": 3.0, "cost": 0.0}, 0.5)
    {'original_reward': 1.0, 'inner_anomaly_score': 3.0, 'cost': 0.0, 'inner_reward': 0.5}
    """
    return {_apart(key): value for key, value in info.items()} | {f"{_INNER}reward": paid}


def _apart(key: str) -> str:
    mask, bare = ("_", key[1:]) if key.startswith("_") else ("", key)  # masks of vector environments
    last = bare
    while last.startswith(_INNER):
        last = last.removeprefix(_INNER)
    said = last in _SET_ASIDE and (last != "reward" or last != bare)
    return f"{mask}{_INNER}{bare}" if said else key
