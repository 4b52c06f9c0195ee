"""Where scores and rewards lie: histograms, and how much sits at the limits of the reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.evaluation.audit.behaviour import Behaviour

_BINS, _EDGE = 60, 1e-3


@dataclass(frozen=True)
class Shape:
    """Scores and learned rewards of every behaviour."""

    edges: tuple[float, ...]
    """Borders of the bins of the histograms of scores; what lies beyond is in the outer bins."""
    densities: dict[str, tuple[float, ...]]
    """Share of steps in every bin, by behaviour."""
    at_least: dict[str, float]
    at_most: dict[str, float]
    """Share of steps whose reward is within a thousandth of the range of the least and the greatest there is."""
    low: float
    high: float
    """Least and greatest learned reward of a step."""


def shape(behaviours: Sequence[Behaviour]) -> Shape:
    """Count scores and rewards of all steps."""
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
    return Shape(tuple(edges.tolist()), densities, at_least, at_most, least, most)
