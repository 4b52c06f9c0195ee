"""`ActiveRollouts`: on-policy algorithms learn from a reward model that learns from every rollout in turn."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import ProtocolError
from tsreward.functional.seeding import generator
from tsreward.pipeline.active import ActiveLearner, ActiveLearnerOptions
from tsreward.pipeline.model import StepReward
from tsreward.rewards.exploration import ExplorationBonus
from tsreward.sb3.bulk_vec_env import BulkRewardVecEnv
from tsreward.sb3.rollout_rewards import RolloutRewards


class ActiveRollouts(RolloutRewards):
    """Put the rewards of the model of `venv` into every rollout of PPO or A2C, then let the learner learn from it.

    The rewards of a rollout are those of the model before the refreshes, of which there is one for every
    `learner.options.every` decisions; the bad windows are the latest ones, of as many rollouts as hold
    `learner.options.recent`. Without a learner this is `RolloutRewards`. A `bonus` is added as it was before the
    rollout, and then learns from its windows, in batches of 256. The logger gets `active/refreshes` and `active/loss`.

    Raises:
        ProtocolError: the learner has another model than `venv`; or as for `RolloutRewards`.
    """

    def __init__(
        self, venv: BulkRewardVecEnv, learner: ActiveLearner | None = None, bonus: ExplorationBonus | None = None
    ) -> None:
        super().__init__(venv)
        if learner is not None and learner.model is not venv.stream.model:
            raise ProtocolError("ActiveRollouts got a learner of another model than its venv's: give both the same.")
        self._learner, self._bonus = learner, bonus
        options = ActiveLearnerOptions() if learner is None else learner.options
        self._every, self._recent = options.every, options.recent
        self._draw = generator(options.seed, 3)
        self._latest: deque[Tensor] = deque()
        self._waiting = 0
        """Decisions since the last refresh."""

    def _earned(self) -> tuple[np.ndarray, StepReward]:
        rewards, earned = super()._earned()
        if self._learner is None and self._bonus is None:
            return rewards, earned
        windows = self._venv.stream.windows()
        if self._bonus is not None:
            rewards = rewards + self._bonus(windows).view(rewards.shape).numpy().astype(np.float32)
            for batch in windows.split(256):
                self._bonus.update(batch)
        if self._learner is not None:
            self._keep(windows)
            self._waiting += len(windows)
            while self._waiting >= self._every:
                self._learner.refresh(self._drawn)
                self._waiting -= self._every
            self.logger.record("active/refreshes", self._learner.refreshes)
            self.logger.record("active/loss", self._learner.loss)
        return rewards, earned

    def _keep(self, windows: Tensor) -> None:
        """Keep these windows and, of those before, no more than are recent."""
        self._latest.append(windows[-self._recent :])
        while sum(map(len, self._latest)) - len(self._latest[0]) >= self._recent:
            self._latest.popleft()

    def _drawn(self, number: int) -> Tensor:
        """Return windows [number, K, D], drawn from the recent ones."""
        sizes = np.array([len(part) for part in self._latest])
        most = min(int(sizes.sum()), self._recent)
        place = int(sizes.sum()) - 1 - torch.randint(most, (number,), generator=self._draw).numpy()
        part = np.searchsorted(sizes.cumsum(), place, side="right")
        start = sizes.cumsum() - sizes
        return torch.stack([self._latest[p][i] for p, i in zip(part, place - start[part], strict=True)])
