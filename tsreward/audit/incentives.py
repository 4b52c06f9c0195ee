"""What a reward is an incentive for: its distribution, its margins between safe and costly steps, early termination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.audit.behaviour import Behaviour
from tsreward.pipeline.model import RewardModel

_BINS, _EDGE = 60, 1e-3


@dataclass(frozen=True)
class Distribution:
    """Scores and learned rewards of every behaviour."""

    edges: tuple[float, ...]
    """Borders of the bins of the histograms of scores; what lies beyond is in the outer bins."""
    densities: dict[str, tuple[float, ...]]
    """Fraction of steps in every bin, by behaviour."""
    at_least: dict[str, float]
    at_most: dict[str, float]
    """Fraction of steps whose reward is within a thousandth of the range of the lowest and the highest there is."""
    low: float
    high: float
    """Lowest and highest learned reward of a step."""


def distribution(behaviours: Sequence[Behaviour]) -> Distribution:
    """Return histograms of the scores of all steps, and how many rewards are at their limits."""
    scores = np.concatenate([behaviour.rated.score for behaviour in behaviours])
    rewards = np.concatenate([behaviour.rated.learned for behaviour in behaviours])
    low, high = (float(value) for value in np.quantile(scores, [0.002, 0.98]))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    least, most = float(rewards.min()), float(rewards.max())
    margin = _EDGE * (most - least)
    densities, at_least, at_most = {}, {}, {}
    for behaviour in behaviours:
        counts, _ = np.histogram(behaviour.rated.score.clip(edges[0], edges[-1]), edges)
        densities[behaviour.name] = tuple((counts / counts.sum()).tolist())
        at_least[behaviour.name] = float((behaviour.rated.learned <= least + margin).mean())
        at_most[behaviour.name] = float((behaviour.rated.learned >= most - margin).mean())
    return Distribution(tuple(edges.tolist()), densities, at_least, at_most, least, most)


@dataclass(frozen=True)
class RewardMargins:
    """Mean final reward (the environment's with the penalty) of safe steps and of steps with a cost."""

    safe: float
    """Of steps whose windows are free of cost; those of them that are flagged are false alarms."""
    costly: float | None
    """Of steps with a cost; None where there are none."""
    factor: float | None
    """Times as large the penalty would have to be for both to earn the same; 0 or less where a step with a cost earns
    no more without any penalty, None where no factor would do or `costly` is None."""
    adapts: bool
    """Whether the penalty grows by itself while steps are flagged, as a Lagrangian's does; it is taken as 1 here."""


def reward_margins(model: RewardModel, good: Behaviour, others: Sequence[Behaviour]) -> RewardMargins | None:
    """Compare steps of good behaviour, and of others that have costs; None for a likeness, or without rewards."""
    pool = [good, *(behaviour for behaviour in others if behaviour.column("costs") is not None)]
    earned = [(behaviour, rewards) for behaviour in pool if (rewards := behaviour.column("rewards")) is not None]
    pool = [behaviour for behaviour, _ in earned]
    if model.mode.replaces or not pool or pool[0] is not good:
        return None
    paid = np.concatenate([rewards for _, rewards in earned])
    lowered = np.concatenate([behaviour.rated.learned for behaviour in pool])
    safe = np.concatenate([behaviour.safe(model.window, model.frame_skip) for behaviour in pool])
    costly = np.concatenate([_costly(behaviour) for behaviour in pool])
    if not safe.any():
        return None
    final, adapts = paid + lowered, model.mode.moves_while_training
    if not costly.any():
        return RewardMargins(float(final[safe].mean()), None, None, adapts)
    tempting = float(paid[costly].mean() - paid[safe].mean())
    deterring = float(lowered[safe].mean() - lowered[costly].mean())
    factor = tempting / deterring if deterring > 0 else None
    return RewardMargins(float(final[safe].mean()), float(final[costly].mean()), factor, adapts)


def _costly(behaviour: Behaviour) -> np.ndarray:
    costs = behaviour.column("costs")
    return np.zeros(len(behaviour.rated.learned), bool) if costs is None else costs > 0


@dataclass(frozen=True)
class Termination:
    """Returns of whole episodes under the final reward: the learned one, or the environment's with the penalty."""

    low: float
    high: float
    """Lowest and highest final reward of a step."""
    sign: str
    """never negative (rewards staying alive), never positive (rewards early termination), or both signs."""
    ends: bool
    """Whether any episode was ended by the environment rather than by a time limit."""
    better_ended: float
    """Fraction of good steps after which the rewards that follow in the episode sum to less than 0."""
    returns: dict[str, float]
    """Mean final return by behaviour."""
    lengths: dict[str, float]
    """Mean steps by behaviour."""


def termination(model: RewardModel, good: Behaviour, others: Sequence[Behaviour]) -> Termination | None:
    """Return what going on and ending early earn; None for a penalty on episodes without environment rewards.

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
