"""`EpisodeRows`: tells of every episode of a training, as soon as its rewards are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from tsreward.data.episode_rows import EpisodeRow
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.sb3.recording import EpisodeRecorder
from tsreward.sb3.vec_env import LearnedRewardVecEnv
from tsreward.wrappers.infos import EarnedEpisode

EpisodeLog = Callable[[EpisodeRow], None]
"""Is given every episode, in the order in which they end."""
_LIMIT = 0.01
"""Fraction of the range of a reward by which a step at a limit may differ from it."""


_EVERY = 200
"""Steps of every environment, at least, from one episode that is compared with the expert to the next: a comparison
takes about two milliseconds, whatever the episode's length."""


class EpisodeRows(BaseCallback):
    """Tell `log` of every episode that `record` sees, and what the reward of `venv` says of it.

    Put it behind `LearnedRewardCallback`. Where rewards are lazy, a row comes when its steps are scored. One of the two
    is needed: without a record, rows have no costs. With `expert`, whose features are those of the model of `venv`, or
    without one the observations of the record, rows say how near to it an episode is: not all, where they are short.
    """

    def __init__(
        self,
        log: EpisodeLog,
        record: EpisodeRecorder | None,
        venv: LearnedRewardVecEnv | None,
        expert: ExpertWindows | None = None,
    ) -> None:
        super().__init__()
        assert record is not None or venv is not None
        self._log, self._record, self._venv, self._expert = log, record, venv, expert
        self._seen = 0
        self._compared = -_EVERY
        self._steps: deque[tuple[int, int, int]] = deque()
        """When episodes ended that are not told of yet, in decisions and in steps of every environment, and where they
        stand in the record."""
        self._earned: deque[EarnedEpisode] = deque()
        if venv is not None:
            venv.on_episode, venv.keep_features = self._earned.append, expert is not None

    def _on_training_start(self) -> None:
        if self._record is not None:
            self._seen = len(self._record.finished)  # of a training that this one goes on with

    def _on_step(self) -> bool:
        if self._record is not None:
            ended = len(self._record.finished)
        else:
            ended = self._seen + int(np.sum(self.locals["dones"]))
        self._steps += [(self.num_timesteps, self.n_calls, place) for place in range(self._seen, ended)]
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
            step, call, place = self._steps.popleft()
            earned = None if self._venv is None else self._earned.popleft()
            row = self._true(step, place, earned)
            if earned is not None:
                row = self._earning(row, earned)
            if self._expert is not None and call - self._compared >= _EVERY:
                self._compared = call
                row = self._near(row, self._expert, place, earned)
            self._log(row)

    def _true(self, step: int, place: int, earned: EarnedEpisode | None) -> EpisodeRow:
        """Return what is known of an episode without any learned reward."""
        if self._record is None:
            assert earned is not None
            return EpisodeRow(step, len(earned.rewards), earned.true_return)
        episode = self._record.finished[place]
        assert episode.rewards is not None
        cost = float(episode.costs.sum()) if self._record.gives_cost and episode.costs is not None else None
        return EpisodeRow(step, len(episode), float(episode.rewards.sum()), cost=cost)

    def _earning(self, row: EpisodeRow, earned: EarnedEpisode) -> EpisodeRow:
        """Return the row with what the reward says of the episode."""
        assert self._venv is not None
        low, middle, high = earned.quantiles
        row = row._replace(
            learned_return=earned.learned_return,
            flag_rate=earned.flag_rate,
            score_p10=low,
            score_p50=middle,
            score_p90=high,
        )
        if (limits := self._venv.model.mode.limits) is None:
            return row
        margin, paid = _LIMIT * (limits[1] - limits[0]), earned.rewards
        return row._replace(
            low_rate=float((paid <= limits[0] + margin).mean()), high_rate=float((paid >= limits[1] - margin).mean())
        )

    def _near(self, row: EpisodeRow, expert: ExpertWindows, place: int, earned: EarnedEpisode | None) -> EpisodeRow:
        """Return the row with how near to the expert the episode is."""
        if earned is not None:
            features, paid = earned.features, earned.rewards
        else:
            assert self._record is not None
            episode = self._record.finished[place]
            features, paid = episode.obs[1:], episode.rewards
        assert features is not None and paid is not None
        near = expert.compare(torch.from_numpy(features), paid)
        return row._replace(
            expert_distance=near.distance, paid_auc=near.paid_auc, motion=near.motion, outside_rate=near.outside_rate
        )
