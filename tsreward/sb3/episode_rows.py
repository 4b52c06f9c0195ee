"""`EpisodeRows`: tells of every episode of a training, as soon as its rewards are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from tsreward.data.episode_rows import EpisodeRow
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.infos import EarnedEpisode

EpisodeLog = Callable[[EpisodeRow], None]
"""Is given every episode, in the order in which they end."""


class EpisodeRows(BaseCallback):
    """Tell `log` of every episode that `record` sees, and what the reward of `venv` says of it.

    Put it behind `LearnedRewardCallback`. Where rewards are lazy, a row comes when its steps are scored.
    """

    def __init__(self, log: EpisodeLog, record: EpisodeRecorder, venv: LearnedRewardVecEnv | None) -> None:
        super().__init__()
        self._log, self._record, self._venv = log, record, venv
        self._seen = 0
        self._steps: deque[tuple[int, int]] = deque()
        """When episodes ended that are not told of yet, and where they stand in the record."""
        self._earned: deque[EarnedEpisode] = deque()
        if venv is not None:
            venv.on_episode = self._earned.append

    def _on_training_start(self) -> None:
        self._seen = len(self._record.finished)  # of a training that this one goes on with

    def _on_step(self) -> bool:
        ended = len(self._record.finished)
        self._steps += [(self.num_timesteps, place) for place in range(self._seen, ended)]
        self._seen = ended
        self.tell()
        return True

    def _on_rollout_end(self) -> None:
        self.tell()

    def _on_training_end(self) -> None:
        self.tell()

    def tell(self) -> None:
        """Tell of all episodes whose rewards are known."""
        while self._steps and (self._venv is None or self._earned):
            step, place = self._steps.popleft()
            episode = self._record.finished[place]
            assert episode.rewards is not None
            cost = float(episode.costs.sum()) if self._record.gives_cost and episode.costs is not None else None
            row = EpisodeRow(step, len(episode), float(episode.rewards.sum()), cost=cost)
            if self._venv is not None:
                earned = self._earned.popleft()
                low, middle, high = earned.quantiles
                row = row._replace(
                    learned_return=earned.learned_return,
                    flag_rate=earned.flag_rate,
                    score_p10=low,
                    score_p50=middle,
                    score_p90=high,
                )
            self._log(row)
