"""Scores and rewards of many episodes at once, over features that were encoded before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.functional.smoothing import smooth_episodes
from tsreward.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.windows import WindowSet

_BATCH = 4096


@dataclass(frozen=True)
class Rated:
    """Columns [N] over the transitions of all episodes, in order."""

    lengths: np.ndarray
    """[E] transitions of every episode."""
    raw: np.ndarray
    """Score before smoothing over time; higher is stranger."""
    score: np.ndarray
    learned: np.ndarray
    """What the model itself pays: the reward, or what a penalty adds to the environment's (never positive)."""
    flagged: np.ndarray

    def parts(self, column: np.ndarray) -> list[np.ndarray]:
        """Return a column [N] cut into episodes."""
        return np.split(column, np.cumsum(self.lengths)[:-1])

    @property
    def levels(self) -> np.ndarray:
        """Mean learned reward per step of every episode [E]."""
        return np.array([part.mean() for part in self.parts(self.learned)])

    @property
    def level(self) -> float:
        """J: the mean over episodes of the mean learned reward per step."""
        return float(self.levels.mean())


@torch.inference_mode()
def rate(model: RewardModel, features: Sequence[Tensor]) -> Rated:
    """Rate episodes given as features [T + 1, D]; the scores are those of `tsreward.relabel`, bit for bit on CPU.

    Raises:
        DataError: NaN or inf among the features.
    """
    windows = arrivals(features, model.window, model.skip)
    raw = torch.cat([model.score(batch) for batch in windows.batches(_BATCH)])
    score = smooth_episodes(raw, windows.first, model.mode.options.smoothing)
    return Rated(
        lengths=np.array([len(episode) - 1 for episode in features]),
        raw=raw.numpy(),
        score=score.numpy(),
        learned=learned_reward(model, score).numpy(),
        flagged=(score > model.mode.threshold).numpy(),
    )


@torch.inference_mode()
def rate_windows(model: RewardModel, windows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return scores [B] and learned rewards [B] of feature windows [B, K, D], without smoothing over time."""
    scores = torch.cat([model.score(batch) for batch in windows.split(_BATCH)])
    return scores.numpy(), learned_reward(model, scores).numpy()


@torch.inference_mode()
def learned_reward(model: RewardModel, scores: Tensor) -> Tensor:
    """Return what the model pays [B] for scores [B]; the multiplier of a Lagrangian, which moves, is taken as 1."""
    mode = model.mode
    if isinstance(mode, Lagrangian):
        return -mode.unit * (scores > mode.threshold)
    env_reward = None if mode.replaces else torch.zeros(len(scores), dtype=torch.float64)
    return mode(scores, model.calibration.tail(scores), env_reward)


def arrivals(features: Sequence[Tensor], window: int, skip: int = 1) -> WindowSet:
    """Return the windows that end at an arrival: one per transition, none for the first observation of an episode.

    >>> arrivals([torch.arange(3.0)[:, None], torch.zeros(2, 1)], window=2).last.tolist()
    [1, 2, 4]
    """
    lengths = torch.tensor([len(episode) for episode in features])
    starts = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    last = torch.arange(len(starts))
    moved = last > starts
    return WindowSet(torch.cat(list(features)), last[moved], starts[moved], window, skip)
