"""Two models on the same episodes: how far they agree, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tsreward.audit.agreement import pearson, rank_agreement, separate_costs, spearman
from tsreward.audit.separation import Interval
from tsreward.errors import OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel_as_is
from tsreward.sequences.episodes import Episode


@dataclass(frozen=True)
class ModelRatings:
    """Scores and rewards of one model for all transitions [N], episode after episode."""

    name: str
    window: int
    """Steps that a window spans."""
    score: np.ndarray
    rank: np.ndarray
    """Fraction of the transitions whose score is lower, ties counted half: in [0, 1] for any scale of scores."""
    p_value: np.ndarray
    is_anomaly: np.ndarray
    reward: np.ndarray


@dataclass(frozen=True)
class Correlation:
    """Of two columns; None where one of them is constant or too short."""

    pearson: float | None
    """Of the values."""
    spearman: float | None
    """Of their ranks."""


@dataclass(frozen=True)
class Flags:
    """Numbers of transitions."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def disagreement(self) -> float:
        """Fraction of the transitions that only one model flags."""
        return (self.only_first + self.only_second) / (self.both + self.only_first + self.only_second + self.neither)


@dataclass(frozen=True)
class Difference:
    """A window that the models rank differently: the one that ends at observation `step` + 1 of an episode."""

    episode: int
    step: int
    ranks: tuple[float, float]
    p_values: tuple[float, float]
    is_anomaly: tuple[bool, bool]


@dataclass(frozen=True)
class Fit:
    """How well the scores or returns of two models agree with what was recorded."""

    what: str
    values: tuple[Interval, Interval]
    """Of each model; higher is better."""
    curves: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Points (false-positive rate, true-positive rate) of the ROC of each, where costs are recorded."""


@dataclass(frozen=True)
class Comparison:
    """How far two models agree, and where they do not."""

    models: tuple[ModelRatings, ModelRatings]
    lengths: tuple[int, ...]
    """Transitions of every episode."""
    has_rewards: bool
    """Whether the episodes have environment rewards. Where they have none, a penalty alone is compared."""
    scores: Correlation
    rewards: Correlation
    returns: Correlation
    """Of the sums of rewards of episodes."""
    flags: Flags
    differences: tuple[Difference, ...]
    fit: Fit | None = None
    """Agreement with recorded costs, or for two rewards that replace the environment's, with its returns."""

    @property
    def better(self) -> str | None:
        """The model that fits what was recorded better; None where none does clearly."""
        if self.fit is None:
            return None
        first, second = self.fit.values
        if first.low > second.high:
            return self.models[0].name
        return self.models[1].name if second.low > first.high else None

    @property
    def verdict(self) -> str:
        """Which model fits what was recorded, in one sentence."""
        a, b = (rated.name for rated in self.models)
        if self.fit is None:
            alike = self.scores.spearman
            told = "" if alike is None else f"their scores have a rank correlation of {alike:.2f}; "
            return f"{told}the data have no cost or return by which to say which model is better.".capitalize()
        first, second = self.fit.values
        better, worse = (a, b) if first.value >= second.value else (b, a)
        high, low = (first, second) if first.value >= second.value else (second, first)
        told = f"{self.fit.what} {high.value:.2f} ({high.low:.2f} to {high.high:.2f}) against {low.value:.2f}"
        if self.better is None:
            return f"Neither fits clearly better: {better} has a {told} ({low.low:.2f} to {low.high:.2f}) of {worse}."
        return f"{better} fits better than {worse}: {told} ({low.low:.2f} to {low.high:.2f})."

    def to_json(self) -> dict[str, Any]:
        """Return everything but the columns, as values that JSON has."""
        return {
            "models": [{"name": rated.name, "window": rated.window} for rated in self.models],
            "episodes": len(self.lengths),
            "steps": sum(self.lengths),
            "environment_rewards": self.has_rewards,
            "correlations": {name: asdict(getattr(self, name)) for name in ("scores", "rewards", "returns")},
            "flags": asdict(self.flags) | {"disagreement": self.flags.disagreement},
            "differences": [asdict(difference) for difference in self.differences],
            "fit": None if self.fit is None else {"what": self.fit.what, "values": [*map(asdict, self.fit.values)]},
            "verdict": self.verdict,
        }


def compare(
    first: RewardModel,
    second: RewardModel,
    episodes: Sequence[Episode],
    names: tuple[str, str] = ("first", "second"),
    count: int = 6,
) -> Comparison:
    """Compare two models on episodes; `differences` names the `count` windows whose ranks differ most, without overlap.

    Raises:
        ShapeError: a model reads other observations than the episodes hold.
        DataError: NaN or inf in the episodes.
        OptionError: `count` is negative.

    >>> from tsreward.rewards.likeness import Likeness
    >>> from tsreward.scorers.mahalanobis import Mahalanobis
    >>> walk = np.random.default_rng(0).normal(size=(80, 2))
    >>> model = RewardModel(Mahalanobis(3), Likeness()).fit([walk])
    >>> same = compare(model, model, [Episode(walk)])
    >>> round(same.scores.spearman, 6), same.flags.disagreement
    (1.0, 0.0)
    """
    if count < 0:
        raise OptionError(f"compare takes a count of at least 0, got {count}.")
    has_rewards = all(episode.rewards is not None for episode in episodes)
    rated = (_rate(first, episodes, names[0], has_rewards), _rate(second, episodes, names[1], has_rewards))
    lengths = tuple(len(episode) for episode in episodes)
    a, b = rated
    sums = [np.add.reduceat(each.reward, np.cumsum((0, *lengths[:-1]))) for each in rated]
    return Comparison(
        models=rated,
        lengths=lengths,
        has_rewards=has_rewards,
        scores=_correlation(a.score, b.score),
        rewards=_correlation(a.reward, b.reward),
        returns=_correlation(*sums),
        flags=Flags(
            int((a.is_anomaly & b.is_anomaly).sum()),
            int((a.is_anomaly & ~b.is_anomaly).sum()),
            int((~a.is_anomaly & b.is_anomaly).sum()),
            int((~a.is_anomaly & ~b.is_anomaly).sum()),
        ),
        differences=_differences(rated, lengths, count),
        fit=_fit(rated, episodes, sums, all(model.mode.replaces for model in (first, second))),
    )


def _fit(
    rated: tuple[ModelRatings, ModelRatings], episodes: Sequence[Episode], sums: Sequence[np.ndarray], replace: bool
) -> Fit | None:
    """Return how well both fit costs where there are any, else returns where both are rewards of their own."""
    costs = [np.asarray(episode.costs) for episode in episodes if episode.costs is not None]
    if len(costs) == len(episodes):
        borders = np.cumsum([len(episode) for episode in episodes])[:-1]
        found = [separate_costs(np.split(each.score, borders), costs, seed=0) for each in rated]
        if found[0] is not None and found[1] is not None:
            values, curves = (found[0].roc, found[1].roc), (found[0].curve, found[1].curve)
            return Fit("ROC AUC of the score against cost", values, curves)
    if not replace or any(episode.rewards is None for episode in episodes):
        return None
    true = np.array([float(np.sum(episode.rewards)) for episode in episodes if episode.rewards is not None])
    agreed = [rank_agreement(true, learned, seed=0) for learned in sums]
    if agreed[0] is None or agreed[1] is None:
        return None
    return Fit("Spearman correlation of learned and true returns", (agreed[0], agreed[1]))


def _rate(model: RewardModel, episodes: Sequence[Episode], name: str, has_rewards: bool) -> ModelRatings:
    episodes = [episode.in_order(model.columns, name, f"Episode {index}") for index, episode in enumerate(episodes)]
    episodes = [model.in_order(episode) for episode in episodes]
    for index, episode in enumerate(episodes):
        if episode.obs.shape[1:] != model.obs_shape:
            raise ShapeError(
                f"{name} reads observations {list(model.obs_shape)}, but episode {index} holds "
                f"{list(episode.obs.shape[1:])}: compare models of one observation, on data of the same."
            )
    steps = []
    for episode in episodes:
        steps += relabel_as_is(model, [episode if has_rewards else replace(episode, rewards=np.zeros(len(episode)))])
    score = np.concatenate([step.score.numpy() for step in steps]).astype(np.float64)
    ordered = np.sort(score)
    return ModelRatings(
        name=name,
        window=(model.window - 1) * model.frame_skip + 1,
        score=score,
        rank=(np.searchsorted(ordered, score, "left") + np.searchsorted(ordered, score, "right")) / (2 * len(score)),
        p_value=np.concatenate([step.p_value.numpy() for step in steps]).astype(np.float64),
        is_anomaly=np.concatenate([step.is_anomaly.numpy() for step in steps]),
        reward=np.concatenate([step.reward.numpy() for step in steps]),
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> Correlation:
    return Correlation(pearson(first, second), spearman(first, second))


def _differences(
    rated: tuple[ModelRatings, ModelRatings], lengths: tuple[int, ...], count: int
) -> tuple[Difference, ...]:
    a, b = rated
    span = max(a.window, b.window)
    episode = np.repeat(np.arange(len(lengths)), lengths)
    begin = np.cumsum((0, *lengths[:-1]))
    apart = np.abs(a.rank - b.rank)
    found: list[Difference] = []
    while len(found) < count and apart.max() > 0:
        row = int(apart.argmax())
        of = int(episode[row])
        found.append(
            Difference(
                of,
                row - int(begin[of]),
                (float(a.rank[row]), float(b.rank[row])),
                (float(a.p_value[row]), float(b.p_value[row])),
                (bool(a.is_anomaly[row]), bool(b.is_anomaly[row])),
            )
        )
        apart[(episode == of) & (np.abs(np.arange(len(apart)) - row) < span)] = 0
    return tuple(found)
