"""How well scores separate behaviours, how often normal steps are flagged, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsreward.audit.behaviour import Behaviour
from tsreward.detection.metrics import average_precision, roc_auc
from tsreward.detection.metrics.ranking import counts_at_thresholds
from tsreward.pipeline.model import RewardModel

DRAWS = 400


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % percentile interval (Efron & Tibshirani 1993, §13.3)."""

    value: float
    low: float
    high: float


def interval(value: float, drawn: np.ndarray) -> Interval:
    """Return the value with the middle 95 % of resampled values [R]; NaN are resamples with nothing to measure.

    >>> interval(0.5, np.array([0.0, 1.0, np.nan]))
    Interval(value=0.5, low=0.025, high=0.975)
    """
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(value, value, value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def episode_weights(rng: np.random.Generator, episodes: int, draws: int = DRAWS) -> np.ndarray:
    """Return [draws, episodes]: how often every episode is in each draw with replacement.

    >>> episode_weights(np.random.default_rng(0), 5, draws=2).sum(axis=1)
    array([5, 5])
    """
    return rng.multinomial(episodes, np.full(episodes, 1 / episodes), size=draws)


_BINS = 512
_POINTS = 120


@dataclass(frozen=True)
class Separation:
    """Areas of scores of the strange kind against those of the normal kind."""

    name: str
    roc: Interval
    """The chance that a strange step scores above a normal one."""
    pr: Interval
    """Average precision; that of random scores is `fraction`."""
    fraction: float
    """Fraction of strange steps."""
    curve: tuple[tuple[float, float], ...]
    """Points (false-positive rate, true-positive rate) of the ROC."""


def separation(
    name: str, normal: Sequence[np.ndarray], strange: Sequence[np.ndarray], seed: int, together: bool = False
) -> Separation:
    """Compare scores of normal steps, [T] of each episode, with scores of strange steps.

    Areas are exact; intervals are bootstrapped over 512 bins of the scores. With `together`, entry i of both belongs to
    one episode, which is resampled as a whole.

    Raises:
        DataError: no step of one kind, or NaN or inf.

    >>> separation("a", [np.array([0.0, 1.0])], [np.array([2.0]), np.array([3.0])], seed=0).roc
    Interval(value=1.0, low=1.0, high=1.0)
    """
    scores = np.concatenate([*normal, *strange])
    count = sum(len(part) for part in normal)
    labels = np.arange(len(scores)) >= count
    areas = roc_auc(labels, scores), average_precision(labels, scores)
    edges = np.unique(scores)
    if len(edges) > _BINS:
        edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS)))
    rng = np.random.default_rng(seed)
    weights = episode_weights(rng, len(normal))
    below = weights @ _counts(normal, edges)  # of floats: NumPy multiplies matrices of integers slowly
    above = (weights if together else episode_weights(rng, len(strange))) @ _counts(strange, edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        rocs, precisions = _areas(below, above)
    return Separation(
        name, interval(areas[0], rocs), interval(areas[1], precisions), float(labels.mean()), _curve(labels, scores)
    )


def _counts(parts: Sequence[np.ndarray], edges: np.ndarray) -> np.ndarray:
    """Return [E, bins]: how many scores of every episode lie in each bin."""
    rows = [np.bincount(np.searchsorted(edges, part, side="right"), minlength=len(edges) + 1) for part in parts]
    return np.stack(rows).astype(np.float64)


def _areas(normal: np.ndarray, strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return areas under ROC [R] and precision-recall steps [R] of counts [R, bins]; NaN where a kind is missing."""
    normals, stranges = normal.sum(1), strange.sum(1)
    wins = (strange * (np.cumsum(normal, axis=1) - normal / 2)).sum(1)
    hits = np.cumsum(strange[:, ::-1], axis=1)
    positives = np.cumsum((normal + strange)[:, ::-1], axis=1)
    precision = (strange[:, ::-1] * hits / np.maximum(positives, 1)).sum(1)
    valid = np.where(normals * stranges > 0, 1.0, np.nan)
    return valid * wins / (normals * stranges), valid * precision / stranges


def _curve(labels: np.ndarray, scores: np.ndarray) -> tuple[tuple[float, float], ...]:
    hits, positives = counts_at_thresholds(labels, scores)
    found, alarms = hits / hits[-1], (positives - hits) / (positives - hits)[-1]
    keep = np.unique(np.searchsorted((found + alarms) / 2, np.linspace(0, 1, _POINTS)).clip(max=len(found) - 1))
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in zip(alarms[keep], found[keep], strict=True)))


RATES = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class FalseAlarms:
    """A false-alarm rate that was asked for, and the fraction of normal steps that its threshold flags."""

    asked: float
    seen: Interval
    chosen: bool
    """Whether this is the rate of the model's reward mode."""


def false_alarms(model: RewardModel, good: Behaviour, seed: int) -> tuple[FalseAlarms, ...]:
    """Compare asked with seen false-alarm rates on good behaviour; steps whose windows have a cost do not count.

    The comparison is unbiased only on episodes that the model was not fitted on.
    """
    own = model.mode.options.false_alarm_rate
    safe = good.safe(model.window, model.frame_skip)
    score = good.rated.score
    weights = episode_weights(np.random.default_rng(seed), len(good.episodes))
    steps = np.array([part.sum() for part in good.rated.parts(safe)])
    rows = []
    for asked in sorted({*RATES, own}):
        flags = safe & (score > model.calibration.threshold(asked))
        counts = np.array([part.sum() for part in good.rated.parts(flags)])
        drawn = (weights @ counts) / np.maximum(weights @ steps, 1)
        rows.append(FalseAlarms(asked, interval(float(counts.sum() / max(steps.sum(), 1)), drawn), asked == own))
    return tuple(rows)
