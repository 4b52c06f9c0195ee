"""The scores of episodes as columns, one row per transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.sequences.episodes import Episode


@dataclass(frozen=True)
class Scores:
    """Columns [N] over all transitions of all episodes, in order."""

    episode: np.ndarray
    step: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    is_anomaly: np.ndarray
    """Whether the score passes the threshold."""
    label: np.ndarray | None
    """1 where the transition has a cost; None where the episodes have none."""
    index: Any = None
    """The index of the DataFrame that was scored, if it was one."""


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
        p_value=np.concatenate([step.p_value.numpy() for step in steps]),
        is_anomaly=np.concatenate([step.is_anomaly.numpy() for step in steps]).astype(np.int8),
        label=(np.concatenate(costs) > 0).astype(np.int8) if len(costs) == len(episodes) else None,
    )
