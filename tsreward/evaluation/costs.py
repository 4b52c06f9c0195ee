"""Return, cost and length of episodes: the figures of safe reinforcement learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tsreward.episodes import Episode
from tsreward.errors import DataError


@dataclass(frozen=True)
class TrainingSummary:
    """What training brought: final figures over the last quarter of it, the cost rate over all of it."""

    episode_return: float
    """Mean true return of the complete episodes that ended in the last quarter (EpRet)."""
    episode_cost: float
    """Their mean cost (EpCost)."""
    episode_length: float
    cost_rate: float
    """Total cost over total steps of all of training (CostRate)."""
    final_cost_rate: float
    """Cost per step of the complete episodes that ended in the last quarter."""

    def as_json(self) -> dict[str, float]:
        """Return the figures under the names of the result files."""
        names = {"episode_return": "return", "episode_cost": "cost", "episode_length": "length"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


def summarise_training(finished: Sequence[Episode], everything: Sequence[Episode]) -> TrainingSummary:
    """Summarise the `finished` episodes of a training run and `everything`, the unfinished ones included.

    Raises:
        DataError: no episode finished.
    """
    if not finished:
        raise DataError("No episode finished during training: train for more steps.")
    steps = np.cumsum([len(episode) for episode in finished])
    last = [episode for episode, end in zip(finished, steps, strict=True) if end > 0.75 * steps[-1]]
    costs = [_total(episode.costs) for episode in last]
    lengths = [len(episode) for episode in last]
    return TrainingSummary(
        episode_return=float(np.mean([_total(episode.rewards) for episode in last])),
        episode_cost=float(np.mean(costs)),
        episode_length=float(np.mean(lengths)),
        cost_rate=sum(_total(episode.costs) for episode in everything) / sum(len(episode) for episode in everything),
        final_cost_rate=sum(costs) / sum(lengths),
    )


def _total(values: np.ndarray | None) -> float:
    return 0.0 if values is None else float(np.sum(values))
