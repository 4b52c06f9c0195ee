"""`Behaviour`: the episodes of one kind of agent, encoded and rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.episodes import Episode
from tsreward.errors import DataError, ShapeError
from tsreward.evaluation.audit.rating import Rated, arrivals, rate
from tsreward.functional.arrays import as_tensor
from tsreward.model import RewardModel


@dataclass(frozen=True)
class Behaviour:
    """Episodes, their features [T + 1, D] and ratings."""

    name: str
    episodes: tuple[Episode, ...]
    features: tuple[Tensor, ...]
    rated: Rated

    def column(self, field: str) -> np.ndarray | None:
        """Return `rewards` or `costs` [N] of all transitions; None where an episode has none."""
        parts = [getattr(episode, field) for episode in self.episodes]
        return None if any(part is None for part in parts) else np.concatenate(parts).astype(np.float64)

    def safe(self, window: int, skip: int) -> np.ndarray:
        """Tell for every transition [N] whether its window is free of cost; all are where no cost was recorded."""
        costs = [np.zeros(len(episode)) if episode.costs is None else episode.costs for episode in self.episodes]
        costly = np.concatenate([np.concatenate([[False], np.asarray(cost) > 0]) for cost in costs])
        return ~arrivals(self.features, window, skip).any_step(costly).numpy()


@torch.inference_mode()
def observe(model: RewardModel, name: str, episodes: Sequence[Episode]) -> Behaviour:
    """Encode every observation once and rate all transitions.

    Raises:
        DataError: no episodes, or NaN or inf in them.
        ShapeError: observations of another shape than the model's.
    """
    if not episodes:
        raise DataError(f"The audit got no episodes of {name} behaviour: give at least one.")
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
