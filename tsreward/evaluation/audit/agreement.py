"""Whether the learned reward ranks episodes as the true one does, and marks the steps that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.errors import DataError
from tsreward.evaluation.audit.behaviour import Behaviour
from tsreward.evaluation.audit.bootstrap import DRAWS, Interval, interval
from tsreward.evaluation.audit.epic import Epic, TrueReward, epic
from tsreward.evaluation.audit.ranks import kendall, pearson, spearman
from tsreward.evaluation.audit.separation import Separation, separation
from tsreward.model import RewardModel

_MOST = 2000


@dataclass(frozen=True)
class Agreement:
    """Learned against true reward; for a penalty, the truth is the cost with its sign turned."""

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
        spearman=_drawn_again(true, learned, seed),
        kendall=kendall(true, learned),
        cost_correlation=_cost_correlation(costly),
        cost=cost_separation(costly, seed),
        epic=epic(model, known, truth, seed, true_reward),
        returns=tuple(returns),
    )


def cost_separation(pool: Sequence[Behaviour], seed: int) -> Separation | None:
    """Compare scores of steps with and without a cost; None where there is no step of one kind."""
    safe, costly = [], []
    for behaviour in pool:
        costs = behaviour.rated.parts(_column(behaviour, "costs"))
        for score, cost in zip(behaviour.rated.parts(behaviour.rated.score), costs, strict=True):
            safe.append(score[cost <= 0])
            costly.append(score[cost > 0])
    if not sum(map(len, safe)) or not sum(map(len, costly)):
        return None
    return separation("cost against no cost", safe, costly, seed, together=True)


def require_truth(model: RewardModel, judged: Behaviour) -> None:
    """Check that episodes given for the comparison have what they are compared by.

    Raises:
        DataError: they have not.
    """
    field = "rewards" if model.mode.replaces else "costs"
    if judged.column(field) is None:
        raise DataError(
            f"The episodes to compare with have no {field}, by which this reward is compared: record them, or "
            f"leave these episodes out."
        )


def _drawn_again(true: np.ndarray, learned: np.ndarray, seed: int) -> Interval | None:
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
