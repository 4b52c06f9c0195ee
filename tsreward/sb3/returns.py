"""Learned and true returns in the logger of Stable-Baselines3, with every wrapper."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from tsreward.wrappers.infos import EPISODE_KEYS


def log_returns(logger: Logger, returns: Iterable[tuple[float, float]]) -> None:
    """Record the means of learned and true returns as `rollout/ep_learned_rew_mean` and `rollout/ep_true_rew_mean`."""
    learned, true = zip(*returns, strict=True)
    logger.record("rollout/ep_learned_rew_mean", sum(learned) / len(learned))
    logger.record("rollout/ep_true_rew_mean", sum(true) / len(true))


class LearnedReturnsCallback(BaseCallback):
    """Log the mean learned and true return of the latest 100 episodes.

    For environments that `LearnedReward` wraps one by one, or any other wrapper that gives `ep_learned_rew` and
    `ep_true_rew` in the last info of an episode. `LearnedRewardCallback` does the same for its `LearnedRewardVecEnv`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._returns: deque[tuple[float, float]] = deque(maxlen=100)

    def _on_step(self) -> bool:
        ended = [info for info in self.locals.get("infos", ()) if EPISODE_KEYS[0] in info]
        self._returns += [(float(info[EPISODE_KEYS[0]]), float(info[EPISODE_KEYS[1]])) for info in ended]
        if ended:
            log_returns(self.logger, self._returns)
        return True
