"""A few episodes and windows worth looking at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.audit.behaviour import Behaviour

_BEFORE, _AFTER = 24, 8


@dataclass(frozen=True)
class Curve:
    """One episode of T transitions: score, learned reward, and cost where there is one; each [T]."""

    behaviour: str
    number: int
    score: np.ndarray
    learned: np.ndarray
    costs: np.ndarray | None


@dataclass(frozen=True)
class Moment:
    """A window with a score that is high or low, and what is around it."""

    behaviour: str
    number: int
    """Of the episode."""
    step: int
    """The transition whose window it is; it ends at observation step + 1."""
    score: float
    learned: float
    obs: np.ndarray
    """Observations [S, *obs] around the window."""
    first: int
    """Number of the first of them in the episode."""


@dataclass(frozen=True)
class Examples:
    """Episodes of every behaviour, and the strangest and the most familiar windows of all."""

    curves: tuple[Curve, ...]
    strangest: tuple[Moment, ...]
    most_familiar: tuple[Moment, ...]


def examples(behaviours: Sequence[Behaviour], count: int = 3) -> Examples:
    """Choose of every behaviour the episode with the median mean reward, and `count` windows of different episodes."""
    return Examples(
        tuple(_curve(behaviour) for behaviour in behaviours),
        tuple(_moments(behaviours, count, -1.0)),
        tuple(_moments(behaviours, count, 1.0)),
    )


def _curve(behaviour: Behaviour) -> Curve:
    rated = behaviour.rated
    number = int(np.argsort(rated.levels, kind="stable")[len(rated.levels) // 2])
    costs = behaviour.episodes[number].costs
    score, learned = rated.parts(rated.score)[number], rated.parts(rated.learned)[number]
    return Curve(behaviour.name, number, score, learned, None if costs is None else np.asarray(costs))


def _moments(behaviours: Sequence[Behaviour], count: int, sign: float) -> Iterator[Moment]:
    """Yield windows, the lowest sign · score first; at most one of an episode."""
    ends = []
    for behaviour in behaviours:
        for number, score in enumerate(behaviour.rated.parts(behaviour.rated.score)):
            step = int((sign * score).argmin())
            ends.append((sign * float(score[step]), len(ends), behaviour, number, step))
    for value, _, behaviour, number, step in sorted(ends, key=lambda end: end[:2])[:count]:
        obs = behaviour.episodes[number].obs
        first = max(0, step + 1 - _BEFORE)
        learned = float(behaviour.rated.parts(behaviour.rated.learned)[number][step])
        around = np.array(obs[first : step + 2 + _AFTER])
        yield Moment(behaviour.name, number, step, sign * value, learned, around, first)
