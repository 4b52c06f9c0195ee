"""The scores of episodes as columns, one row per transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsreward.episodes import Episode
from tsreward.evaluation.metrics import average_precision, roc_auc
from tsreward.model import RewardModel
from tsreward.relabelling import relabel


@dataclass(frozen=True)
class Scores:
    """Columns [N] over all transitions of all episodes, in order."""

    episode: np.ndarray
    step: np.ndarray
    score: np.ndarray
    tail: np.ndarray
    flag: np.ndarray
    """Whether the score passes the threshold."""
    label: np.ndarray | None
    """1 where the transition has a cost; None where the episodes have none."""
    index: Any = None
    """The index of the DataFrame that was scored, if it was one."""


@dataclass(frozen=True)
class Agreement:
    """How well scores tell anomalous from normal steps."""

    roc: float
    """Area under the ROC: the chance that an anomalous step scores above a normal one."""
    average_precision: float
    steps: int
    anomalous: int


def score_episodes(model: RewardModel, episodes: Sequence[Episode]) -> Scores:
    """Score every transition; environment rewards are not needed.

    Raises:
        ShapeError: observations of another shape than the model's.
        DataError: NaN or inf in an observation.
    """
    unpaid = [replace(episode, rewards=np.zeros(len(episode))) for episode in episodes]
    steps = relabel(model, unpaid)
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    return Scores(
        episode=np.repeat(np.arange(len(episodes)), [len(episode) for episode in episodes]),
        step=np.concatenate([np.arange(len(episode)) for episode in episodes]),
        score=np.concatenate([step.score.numpy() for step in steps]),
        tail=np.concatenate([step.tail.numpy() for step in steps]),
        flag=np.concatenate([step.flagged.numpy() for step in steps]).astype(np.int8),
        label=(np.concatenate(costs) > 0).astype(np.int8) if len(costs) == len(episodes) else None,
    )


def agreement(labels: np.ndarray, scores: np.ndarray) -> Agreement:
    """Compare scores [N] with labels [N], above 0 anomalous.

    Raises:
        DataError: only one class, or NaN or inf.
        ShapeError: different lengths.
    """
    anomalous = int(np.count_nonzero(np.asarray(labels) > 0))
    return Agreement(roc_auc(labels, scores), average_precision(labels, scores), len(scores), anomalous)
