"""Learning curves: what every episode of a training brought, over the steps at which it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from tsreward.data.episode_rows import EpisodeRow
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    Band,
    Chart,
    Dots,
    Level,
    Line,
    Panel,
    Part,
    is_skewed,
)
from tsreward.sequences.episodes import Episode

COLORS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL)
"""One for every agent, in their order."""
_LEVELS = (INK, GREY)
_DOTS = 1000


class AgentCurve(NamedTuple):
    """What is drawn of the finished episodes of an agent: numbers [episodes] by what they are."""

    steps: np.ndarray
    values: dict[str, np.ndarray]


def of_episodes(episodes: Sequence[Episode]) -> AgentCurve:
    """Return true returns, and costs where every episode has them."""
    values = {"true return": np.array([total(episode.rewards) for episode in episodes])}
    if all(episode.costs is not None for episode in episodes):
        values["cost"] = np.array([total(episode.costs) for episode in episodes])
    return AgentCurve(np.cumsum([len(episode) for episode in episodes]), values)


def of_rows(rows: Sequence[EpisodeRow]) -> AgentCurve:
    """Return all that every row has."""
    names = [name for name in EpisodeRow._fields if name != "step"]
    values = {name.replace("_", " "): [getattr(row, name) for row in rows] for name in names}
    values["score"] = values.pop("score p50")
    return AgentCurve(
        np.array([row.step for row in rows]),
        {name: np.array(column) for name, column in values.items() if None not in column},
    )


def total(values: np.ndarray | None) -> float:
    """Return a sum; that of nothing is 0."""
    return 0.0 if values is None else float(np.sum(values))


def learning_curves(
    agents: Mapping[str, AgentCurve],
    levels: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    action_repeat: int = 1,
) -> Chart:
    """Draw every figure per episode over training: up to 1,000 dots, and means over a twentieth of training.

    A cost is drawn only where all agents have one, and some episode costs anything. Scores are drawn as their median
    within an episode, in a band from the 10 % to the 90 % quantile.

    Args:
        agents: name -> its episodes.
        levels: figure -> name -> a value to compare with.
        action_repeat: environment steps of a decision.
    """
    return _curves(agents, _figures(agents), levels, action_repeat, columns=2)


def watch_curves(agents: Mapping[str, AgentCurve], action_repeat: int = 1) -> Chart | None:
    """Draw, smaller, the figures that only a watch looks at; None where no agent has any."""
    names = [name for name in _WATCHED if any(name in curve.values for curve in agents.values())]
    return _curves(agents, [*names, "length"], _USUAL, action_repeat, columns=3) if names else None


def _curves(
    agents: Mapping[str, AgentCurve],
    names: Sequence[str],
    levels: Mapping[str, Mapping[str, float]],
    action_repeat: int,
    columns: int,
) -> Chart:
    across = "environment steps" if action_repeat == 1 else f"decisions, each of {action_repeat} environment steps"
    panels = []
    for name in names:
        parts: list[Part] = []
        for color, (agent, curve) in zip(COLORS, agents.items(), strict=False):
            if name not in curve.values:
                continue
            steps, values = curve.steps, curve.values[name]
            if name == "score":
                low, high = (binned(steps, curve.values[f"score p{part}"])[1] for part in (10, 90))
                parts.append(Band(binned(steps, values)[0], low, high, color, agent))
            else:
                keep = np.unique(np.linspace(0, len(values) - 1, _DOTS).round().astype(int))
                parts.append(Dots(steps[keep], values[keep], color, agent, size=2.5))
            parts.append(Line(*binned(steps, values), color, agent))
        for color, (level, value) in zip(_LEVELS, levels.get(name, {}).items(), strict=False):
            if np.isfinite(value):
                parts.append(Level(value, color, level))
        panels.append(Panel(parts, x=across, y=(_AXES | _WATCHED)[name], log=name == "score" and _skewed(parts)))
    return Chart(panels, columns=columns, height=2.7 if columns == 2 else 2.2, linked=True)


def _skewed(parts: Sequence[Part]) -> bool:
    """Tell whether the bands are better seen on a logarithmic axis."""
    bands = [np.concatenate([part.low, part.high]) for part in parts if isinstance(part, Band)]
    return bool(bands) and is_skewed(np.concatenate(bands))


_AXES = {
    "true return": "true return per episode",
    "cost": "true cost per episode",
    "learned return": "learned return per episode",
    "flag rate": "flag rate (fraction of steps)",
    "score": "score (10, 50, 90 % of steps)",
}


_WATCHED = {
    "low rate": "steps paid the least (fraction)",
    "high rate": "steps paid the most (fraction)",
    "expert distance": "distance to the expert (1: its own)",
    "paid auc": "AUC, expert against best-paid steps",
    "motion": "motion (1: the expert's)",
    "outside rate": "steps outside its range (fraction)",
    "length": "decisions per episode",
}
_USUAL = {"expert distance": {"expert": 1.0}, "paid auc": {"expert": 0.5}, "motion": {"expert": 1.0}}


def _figures(agents: Mapping[str, AgentCurve]) -> list[str]:
    known = {name for curve in agents.values() for name in curve.values}
    if not all("cost" in curve.values for curve in agents.values()) or not any(
        curve.values["cost"].any() for curve in agents.values()
    ):
        known.discard("cost")
    return [name for name in _AXES if name in known]


def binned(steps: np.ndarray, totals: np.ndarray, bins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return (middle of every bin that is not empty, mean of the totals in it) over the steps at which episodes end.

    >>> binned(np.array([5, 10, 90]), np.array([1.0, 3.0, 8.0]), bins=2)
    (array([22.75, 68.25]), array([2., 8.]))
    """
    edges = np.linspace(0, steps[-1] + 1, bins + 1)
    which = np.digitize(steps, edges) - 1
    filled = np.unique(which)
    return (edges[:-1] + edges[1:])[filled] / 2, np.array([totals[which == index].mean() for index in filled])
