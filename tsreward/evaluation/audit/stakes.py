"""What safe steps and steps with a cost earn under a penalty: what a learner chooses between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.evaluation.audit.behaviour import Behaviour
from tsreward.model import RewardModel
from tsreward.rewards.lagrangian import Lagrangian


@dataclass(frozen=True)
class Stakes:
    """Mean final reward of a step, the environment's with the penalty."""

    safe: float
    """Of steps whose windows are free of cost; what is flagged among them is flagged falsely."""
    costly: float | None
    """Of steps with a cost; None where there are none."""
    factor: float | None
    """Times as large the penalty would have to be for both to earn the same; 0 or less where a step with a cost earns
    no more without any penalty, None where no factor would do or `costly` is None."""
    adapts: bool
    """Whether the penalty grows by itself while steps are flagged, as a Lagrangian's does; it is taken as 1 here."""


def stakes(model: RewardModel, good: Behaviour, others: Sequence[Behaviour]) -> Stakes | None:
    """Compare steps of good behaviour, and of others that have costs; None for a likeness, or without rewards."""
    pool = [good, *(behaviour for behaviour in others if behaviour.column("costs") is not None)]
    earned = [(behaviour, rewards) for behaviour in pool if (rewards := behaviour.column("rewards")) is not None]
    pool = [behaviour for behaviour, _ in earned]
    if model.mode.replaces or not pool or pool[0] is not good:
        return None
    paid = np.concatenate([rewards for _, rewards in earned])
    lowered = np.concatenate([behaviour.rated.learned for behaviour in pool])
    safe = np.concatenate([behaviour.safe(model.window, model.skip) for behaviour in pool])
    costly = np.concatenate([_costly(behaviour) for behaviour in pool])
    if not safe.any():
        return None
    final, adapts = paid + lowered, isinstance(model.mode, Lagrangian)
    if not costly.any():
        return Stakes(float(final[safe].mean()), None, None, adapts)
    tempting = float(paid[costly].mean() - paid[safe].mean())
    deterring = float(lowered[safe].mean() - lowered[costly].mean())
    factor = tempting / deterring if deterring > 0 else None
    return Stakes(float(final[safe].mean()), float(final[costly].mean()), factor, adapts)


def _costly(behaviour: Behaviour) -> np.ndarray:
    costs = behaviour.column("costs")
    return np.zeros(len(behaviour.rated.learned), bool) if costs is None else costs > 0
