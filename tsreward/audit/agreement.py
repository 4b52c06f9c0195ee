"""Agreement of learned and true returns: rank correlations, and EPIC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tsreward.audit.behaviour import Behaviour, rate_windows
from tsreward.audit.separation import DRAWS, Interval, Separation, interval, separation
from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.windows import WindowSet


def pearson(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the linear correlation of two columns [N].

    >>> pearson(np.array([1.0, 2.0, 3.0]), np.array([-2.0, -4.0, -6.0]))
    -1.0
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    x, y = first - first.mean(), second - second.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the linear correlation of ranks, ties having their mean rank (Spearman 1904).

    >>> spearman(np.array([1.0, 2.0, 30.0]), np.array([0.0, 5.0, 5.5]))
    1.0
    """
    return pearson(_ranks(first), _ranks(second))


def kendall(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return τ-b: concordant less discordant pairs over the pairs without ties (Kendall 1945); N² memory.

    >>> kendall(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0])).__round__(6)
    0.666667
    """
    x, y = (np.sign(column[:, None] - column[None]) for column in (np.asarray(first), np.asarray(second)))
    pairs = np.sqrt(float((x**2).sum()) * float((y**2).sum()))
    return float((x * y).sum() / pairs) if pairs else None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


TrueReward = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rewards [B] of transitions from observations [B, *obs] to observations [B, *obs]."""

_TRANSITIONS, _STATES, _DISCOUNT = 256, 16, 0.99


@dataclass(frozen=True)
class Epic:
    """Distance of the learned reward to the true one, from 0 (same preferences) to 1 (opposite)."""

    distance: float
    """sqrt((1 − ρ) / 2) of the canonically shaped rewards."""
    pearson_distance: float
    """The same without canonical shaping, of the rewards as they are given."""
    transitions: int
    exact_truth: bool
    """Whether the true reward is known as a function; otherwise the recorded one is taken to depend on o' alone."""


def epic(
    model: RewardModel,
    pool: Sequence[Behaviour],
    truth: Sequence[np.ndarray],
    seed: int,
    true_reward: TrueReward | None = None,
) -> Epic | None:
    """Return the EPIC distance of the learned reward to the true one; None where one of them is constant.

    The coverage sample is 256 recorded transitions (o, o') of `pool`, whose true rewards [N] are in `truth`, one column
    for each behaviour; states S' are 16 arrivals of the same pool. The learned reward of (o, o') is that of the window
    o, ..., o, o', so history beyond one step is left out. A recorded reward cannot be asked for other transitions:
    without `true_reward` it is taken to depend on o' alone, so that its canonical shape differs from it by a constant.
    """
    rng = np.random.default_rng(seed)
    features = [episode for behaviour in pool for episode in behaviour.features]
    windows, true = WindowSet.of_arrivals(features, 2), np.concatenate(truth)
    drawn = np.sort(rng.choice(len(windows), min(_TRANSITIONS, len(windows)), replace=False))
    states = rng.choice(len(windows), min(_STATES, len(windows)), replace=False)
    pairs, reached = windows.gather(torch.from_numpy(drawn)), windows.store[windows.last[torch.from_numpy(states)]]

    def learned(start: torch.Tensor, end: torch.Tensor) -> np.ndarray:
        return rate_windows(
            model, torch.cat([start[:, None].repeat(1, model.window, 1)[:, 1:], end[:, None]], 1)
        ).learned

    shaped = _canonical(learned, pairs[:, 0], pairs[:, 1], reached)
    paid = np.concatenate([behaviour.rated.learned for behaviour in pool])[drawn]
    target = shaped_truth = true[drawn]
    if true_reward is not None:
        rows = np.concatenate([episode.obs for behaviour in pool for episode in behaviour.episodes])
        ends, there = windows.last[torch.from_numpy(drawn)].numpy(), windows.last[torch.from_numpy(states)].numpy()
        shaped_truth = _canonical(true_reward, rows[ends - 1], rows[ends], rows[there])
    close, plain = pearson(shaped, shaped_truth), pearson(paid, target)
    if close is None or plain is None:
        return None
    return Epic(pearson_distance(close), pearson_distance(plain), len(drawn), true_reward is not None)


def pearson_distance(correlation: float) -> float:
    """Return sqrt((1 − ρ) / 2).

    >>> pearson_distance(-1.0)
    1.0
    """
    return float(np.sqrt((1 - correlation) / 2))


def _canonical(reward: Callable, start, end, states) -> np.ndarray:
    """Return r(o, o') + E[γ r(o', S') − r(o, S') − γ r(S, S')] of every transition (definition 4.1)."""
    number = len(states)

    def expected(rows) -> np.ndarray:
        many, repeats = _repeat(rows, number), len(rows)
        return np.asarray(reward(many, _tile(states, repeats)), dtype=np.float64).reshape(repeats, number).mean(1)

    anywhere = expected(states).mean()
    plain = np.asarray(reward(start, end), dtype=np.float64)
    return plain + _DISCOUNT * expected(end) - expected(start) - _DISCOUNT * anywhere


def _repeat(rows, times: int):
    return rows.repeat_interleave(times, 0) if isinstance(rows, torch.Tensor) else np.repeat(rows, times, axis=0)


def _tile(rows, times: int):
    if isinstance(rows, torch.Tensor):
        return rows.repeat(times, *[1] * (rows.ndim - 1))
    return np.tile(rows, (times, *[1] * (rows.ndim - 1)))


_MOST = 2000


@dataclass(frozen=True)
class Agreement:
    """Learned against true reward; for a penalty, the truth is minus the cost."""

    truth: str
    """rewards or costs."""
    episodes: int
    spearman: Interval | None
    """Rank correlation of episode returns; None where all are equal."""
    kendall: float | None
    cost_correlation: float | None
    """Linear correlation of score and cost over steps."""
    cost: Separation | None
    """Steps with a cost against steps without."""
    epic: Epic | None
    returns: tuple[tuple[str, float, float], ...]
    """(behaviour, true return, learned return) of every episode."""


def agreement(
    model: RewardModel, pool: Sequence[Behaviour], seed: int, true_reward: TrueReward | None = None
) -> Agreement | None:
    """Compare on those of the behaviours that have the truth.

    None where there is none, or where the first, which is the best, has no rewards: the others' ranks say little.
    """
    field = "rewards" if model.mode.replaces else "costs"
    known = [behaviour for behaviour in pool if behaviour.column(field) is not None]
    if not known or (model.mode.replaces and known[0] is not pool[0]):
        return None
    sign = 1.0 if model.mode.replaces else -1.0
    truth = [sign * _column(behaviour, field) for behaviour in known]
    returns = [
        (behaviour.name, float(true.sum()), float(learned.sum()))
        for behaviour, column in zip(known, truth, strict=True)
        for true, learned in zip(
            behaviour.rated.parts(column), behaviour.rated.parts(behaviour.rated.learned), strict=True
        )
    ][:_MOST]
    true, learned = (np.array([row[place] for row in returns]) for place in (1, 2))
    costly = [behaviour for behaviour in pool if behaviour.column("costs") is not None]
    return Agreement(
        truth=field,
        episodes=len(returns),
        spearman=rank_agreement(true, learned, seed),
        kendall=kendall(true, learned),
        cost_correlation=_cost_correlation(costly),
        cost=cost_separation(costly, seed),
        epic=epic(model, known, truth, seed, true_reward),
        returns=tuple(returns),
    )


def cost_separation(pool: Sequence[Behaviour], seed: int) -> Separation | None:
    """Compare scores of steps with and without a cost; None where there is no step of one kind."""
    scores, costs = [], []
    for behaviour in pool:
        scores += behaviour.rated.parts(behaviour.rated.score)
        costs += behaviour.rated.parts(_column(behaviour, "costs"))
    return separate_costs(scores, costs, seed)


def separate_costs(scores: Sequence[np.ndarray], costs: Sequence[np.ndarray], seed: int) -> Separation | None:
    """Compare scores of steps with and without a cost, [T] of each episode; None where there is no step of one kind."""
    pairs = list(zip(scores, costs, strict=True))
    safe, costly = [score[cost <= 0] for score, cost in pairs], [score[cost > 0] for score, cost in pairs]
    if not sum(map(len, safe)) or not sum(map(len, costly)):
        return None
    return separation("cost against no cost", safe, costly, seed, together=True)


def require_truth(model: RewardModel, given: Behaviour) -> None:
    """Check that episodes given for the comparison have what they are compared by.

    Raises:
        DataError: they have not.
    """
    field = "rewards" if model.mode.replaces else "costs"
    if given.column(field) is None:
        raise DataError(
            f"The episodes to compare with have no {field}, by which this reward is compared: record them, or "
            f"leave these episodes out."
        )


def rank_agreement(true: np.ndarray, learned: np.ndarray, seed: int) -> Interval | None:
    """Return Spearman's correlation of true and learned returns of episodes [E], and its bootstrap interval."""
    value = spearman(true, learned)
    if value is None:
        return None
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(true), (DRAWS, len(true)))
    found = [spearman(true[row], learned[row]) for row in rows]
    return interval(value, np.array([np.nan if one is None else one for one in found]))


def _cost_correlation(pool: Sequence[Behaviour]) -> float | None:
    if not pool:
        return None
    scores = np.concatenate([behaviour.rated.score for behaviour in pool]).astype(np.float64)
    return pearson(scores, np.concatenate([_column(behaviour, "costs") for behaviour in pool]))


def _column(behaviour: Behaviour, field: str) -> np.ndarray:
    column = behaviour.column(field)
    assert column is not None  # the caller has looked
    return column
