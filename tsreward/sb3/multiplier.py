"""Move the Lagrangian multiplier with the share of flagged steps while an agent trains."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from tsreward.rewards.base import RewardMode
from tsreward.sb3.recording import EpisodeRecorder


class MultiplierUpdates(BaseCallback):
    """Call `Lagrangian.update` after every `period` environment steps."""

    def __init__(self, mode: RewardMode, record: EpisodeRecorder, period: int = 2048) -> None:
        super().__init__()
        self._mode, self._record, self._period = mode, record, period
        self._flags: list[float] = []
        self._counted = 0

    def _on_step(self) -> bool:
        self._flags += [float(info["is_anomaly"]) for info in self.locals["infos"]]
        if len(self._flags) >= self._period:
            ended = [len(episode) for episode in self._record.finished[self._counted :]]
            self._counted += len(ended)
            self._mode.update(float(np.mean(self._flags)), float(np.mean(ended)) if ended else None)
            self._flags.clear()
        return True
