"""The learning curve of an agent while it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsreward.agents.recording import EpisodeRecorder
from tsreward.evaluation.costs import TrainingSummary, summarise_training


class Curve:
    """Looks at the last quarter of an agent's training so far, at so many evenly spaced moments.

    `listen` goes to `train_agent` as its wrapper of the reward, and changes nothing; the curve itself as its report.
    """

    def __init__(self, points: int, tell: Callable[[int, TrainingSummary], None]) -> None:
        self._points, self._tell = points, tell
        self._told = 0
        self._record: EpisodeRecorder | None = None

    def listen(self, record: Any) -> Any:
        """Remember where the true figures are recorded."""
        self._record = record
        return record

    def __call__(self, done: int, total: int) -> None:
        """Tell of every point that has been reached; of none without a finished episode."""
        reached = done * self._points // total
        if reached > self._told and self._record is not None and self._record.finished:
            self._told = reached
            self._tell(reached - 1, summarise_training(self._record.finished, self._record.finished))
