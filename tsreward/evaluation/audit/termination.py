"""Sign of the reward, and whether ending an episode early, or dragging it out, pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.evaluation.audit.behaviour import Behaviour
from tsreward.model import RewardModel


@dataclass(frozen=True)
class Termination:
    """What whole episodes earn under the final reward: the learned one, or the environment's with the penalty."""

    low: float
    high: float
    """Least and greatest final reward of a step."""
    sign: str
    """never negative (pays for staying alive), never positive (pays for ending early), or both signs."""
    ends: bool
    """Whether any episode was ended by the environment rather than by a time limit."""
    better_ended: float
    """Share of good steps after which what follows in the episode adds up to less than nothing."""
    returns: dict[str, float]
    """Mean final return by behaviour."""
    lengths: dict[str, float]
    """Mean steps by behaviour."""


def termination(model: RewardModel, good: Behaviour, others: Sequence[Behaviour]) -> Termination | None:
    """Return what staying and ending earn; None where a penalty meets episodes without environment rewards.

    Behaviours without environment rewards are left out for a penalty. The multiplier of a Lagrangian is taken as 1.
    """
    paid = {behaviour.name: _final(model, behaviour) for behaviour in (good, *others)}
    kept = {behaviour.name: behaviour for behaviour in (good, *others) if paid[behaviour.name] is not None}
    if good.name not in kept:
        return None
    parts = {name: kept[name].rated.parts(column) for name, column in paid.items() if column is not None}
    everything = np.concatenate([part for episodes in parts.values() for part in episodes])
    low, high = float(everything.min()), float(everything.max())
    follows = np.concatenate([_following(part) for part in parts[good.name]])
    return Termination(
        low=low,
        high=high,
        sign="never negative" if low >= 0 else "never positive" if high <= 0 else "both signs",
        ends=any(episode.terminated for behaviour in kept.values() for episode in behaviour.episodes),
        better_ended=float((follows < 0).mean()),
        returns={name: float(np.mean([part.sum() for part in episodes])) for name, episodes in parts.items()},
        lengths={name: float(np.mean([len(part) for part in episodes])) for name, episodes in parts.items()},
    )


def _final(model: RewardModel, behaviour: Behaviour) -> np.ndarray | None:
    if model.mode.replaces:
        return behaviour.rated.learned
    env_reward = behaviour.column("rewards")
    return None if env_reward is None else env_reward + behaviour.rated.learned


def _following(rewards: np.ndarray) -> np.ndarray:
    """Return the sum of what follows after every step [T]; after the last one nothing does.

    >>> _following(np.array([1.0, -2.0, 3.0]))
    array([1., 3., 0.])
    """
    return np.append(np.cumsum(rewards[::-1])[::-1][1:], 0.0)
