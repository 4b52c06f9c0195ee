"""`Behaviour`: the episodes of one kind of agent, encoded and rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import DataError, ShapeError
from tsreward.functional.tensors import as_tensor
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.episodes import Episode
from tsreward.sequences.windows import WindowSet

_BATCH = 4096


@dataclass(frozen=True)
class Ratings:
    """Columns [N] over the transitions of all episodes, episode after episode."""

    lengths: np.ndarray
    """[E] transitions of every episode."""
    raw: np.ndarray
    """Score before smoothing over time; higher is stranger."""
    score: np.ndarray
    learned: np.ndarray
    """What the model itself pays: the reward, or what a penalty adds to the environment's (never positive)."""
    is_anomaly: np.ndarray

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
def rate(model: RewardModel, features: Sequence[Tensor]) -> Ratings:
    """Rate episodes given as features [T + 1, D]; the scores are bit-identical on CPU with those of `tsreward.relabel`.

    Raises:
        DataError: NaN or inf among the features.
    """
    windows = WindowSet.of_arrivals(features, model.window, model.frame_skip)
    raw = model.score_windows(windows)
    earned = model.rate_alone(model.smooth(raw, windows.first), windows.last - windows.first)
    return Ratings(
        lengths=np.array([len(episode) - 1 for episode in features]),
        raw=raw.numpy(),
        score=earned.score.numpy(),
        learned=earned.reward.numpy(),
        is_anomaly=earned.is_anomaly.numpy(),
    )


@torch.inference_mode()
def rate_windows(model: RewardModel, windows: Tensor) -> Ratings:
    """Rate feature windows [B, K, D], each for itself, without smoothing over time."""
    parts = zip(*(model.rate_alone(batch) for batch in windows.split(_BATCH)), strict=True)
    learned, score, _, is_anomaly = (torch.cat(part).numpy() for part in parts)
    return Ratings(np.ones(len(windows), int), score, score, learned, is_anomaly)


@dataclass(frozen=True)
class Behaviour:
    """Episodes, their features [T + 1, D] and ratings."""

    name: str
    episodes: tuple[Episode, ...]
    features: tuple[Tensor, ...]
    rated: Ratings

    def column(self, field: str) -> np.ndarray | None:
        """Return `rewards` or `costs` [N] of all transitions; None where an episode has none."""
        parts = [getattr(episode, field) for episode in self.episodes]
        return None if any(part is None for part in parts) else np.concatenate(parts).astype(np.float64)

    def safe(self, window: int, frame_skip: int) -> np.ndarray:
        """Tell for every transition [N] whether its window is free of cost; all are where no cost was recorded."""
        costs = [np.zeros(len(episode)) if episode.costs is None else episode.costs for episode in self.episodes]
        costly = np.concatenate([np.concatenate([[False], np.asarray(cost) > 0]) for cost in costs])
        return ~WindowSet.of_arrivals(self.features, window, frame_skip).any_step(costly).numpy()


@torch.inference_mode()
def observe(model: RewardModel, name: str, episodes: Sequence[Episode]) -> Behaviour:
    """Encode every observation once and rate all transitions.

    Raises:
        DataError: no episodes, NaN or inf in them, or columns that the model was not fitted on.
        ShapeError: observations of another shape than the model's.
    """
    if not episodes:
        raise DataError(f"The audit got no episodes of {name} behaviour: give at least one.")
    episodes = [
        model.in_order(episode, f"Episode {index} of {name} behaviour") for index, episode in enumerate(episodes)
    ]
    for index, episode in enumerate(episodes):
        if episode.obs.shape[1:] != model.obs_shape:
            raise ShapeError(
                f"The model reads observations {list(model.obs_shape)}, but episode {index} of {name} behaviour holds "
                f"{list(episode.obs.shape[1:])}: give data of the kind that the model was fitted on."
            )
        for field in ("obs", "rewards", "costs"):
            values = getattr(episode, field)
            if values is not None and not np.isfinite(values).all():
                raise DataError(f"Episode {index} of {name} behaviour holds NaN or inf among its {field}: drop it.")
    features = encoded(model, [episode.obs for episode in episodes])
    return Behaviour(name, tuple(episodes), features, rate(model, features))


@torch.inference_mode()
def encoded(model: RewardModel, observations: Sequence[np.ndarray]) -> tuple[Tensor, ...]:
    """Return features [T + 1, D] of observations [T + 1, *obs] of every episode."""
    return tuple(model.encode(as_tensor(obs)) for obs in observations)
