"""Thresholds from scores of rows that a detector did not learn from."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tsreward.detection.detectors.base import Detector
from tsreward.errors import DataError, OptionError, ShapeError, missing_extra
from tsreward.sequences.series import Series


def held_out_scores(make: Callable[[], Detector], series: Series, share: float = 0.25) -> np.ndarray:
    """Return the scores [T'] of the last rows of a series from a detector that learned from the rows before them.

    A detector knows the rows it learned from: a threshold on their scores flags far more of what comes later than it
    was asked to. `make` returns a detector like the one that is then fitted on the whole series; the last `share` of
    the rows is held out, though at least 100 of them where that leaves half.

    >>> from tsreward.detection.detectors.baselines import RandomScores
    >>> held_out_scores(RandomScores, Series(np.zeros((1000, 1)))).shape
    (250,)
    """
    held = max(round(share * len(series)), min(100, len(series) // 2))
    detector = make()
    detector.fit(series.rows(0, len(series) - held))
    return detector.score(series)[len(series) - held :]


LEAST_EXCESSES = 10


def quantile_threshold(scores: np.ndarray, rate: float) -> float:
    """Return the smallest training score [N] that at most this share of the training scores exceeds.

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, or NaN or inf among them.
        OptionError: a rate outside (0, 1).

    >>> quantile_threshold(np.arange(100.0), rate=0.05)
    94.0
    """
    ordered = _sorted(scores, rate)
    return _at_rank(ordered, len(ordered) * (1 - rate))


def conformal_threshold(scores: np.ndarray, rate: float) -> float:
    """Return the training score of rank ⌈(N + 1)(1 − rate)⌉ among scores [N]: the smallest valid one.

    Whatever exceeds it has a conformal p-value (1 + #{training ≥ s}) / (N + 1) ≤ rate (Vovk et al., 2005): a new
    normal row, exchangeable with the training rows, is flagged with at most this probability, whatever the law of the
    scores.

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, NaN or inf among them, or fewer than 1 / rate − 1, when no score can be this unlikely.
        OptionError: a rate outside (0, 1).

    >>> conformal_threshold(np.arange(99.0), rate=0.05)
    94.0
    """
    ordered = _sorted(scores, rate)
    position = (len(ordered) + 1) * (1 - rate)
    if _rank(position) > len(ordered):
        raise DataError(
            f"A conformal threshold at the rate {rate} needs at least {math.ceil(1 / rate - 1 - 1e-9)} training "
            f"scores, got {len(ordered)}: choose a larger rate, or pot_threshold, which extrapolates."
        )
    return _at_rank(ordered, position)


def pot_threshold(scores: np.ndarray, rate: float, level: float = 0.98) -> float:
    """Return the score with this tail probability by peaks over threshold (Siffer et al., KDD 2017, equation 1).

    What exceeds the initial level t, the quantile `level` of scores [N], follows a generalised Pareto law of shape γ
    and scale σ, fitted by maximum likelihood. With n of N above t, the threshold is t + σ/γ ((rate · N/n)^−γ − 1),
    which may lie beyond all training scores. At rates of n/N and more it is `quantile_threshold`.

    Args:
        scores: [N] of training rows.
        rate: false-alarm rate.
        level: share of the scores below the initial level.

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, NaN or inf among them, fewer than 10 or only equal scores above the initial level (unless
            the rate is 1 − level or more), or a tail so heavy that the threshold is infinite.
        OptionError: a rate or level outside (0, 1).
        MissingExtraError: scipy is not installed.

    >>> scores = -np.log(1 - (np.arange(10_000) + 0.5) / 10_000)  # quantiles of the exponential law
    >>> print(f"{pot_threshold(scores, rate=1e-6):.1f}, the law's own is {-np.log(1e-6):.1f}, largest {scores[-1]:.1f}")
    13.3, the law's own is 13.8, largest 9.9
    """
    ordered = _sorted(scores, rate)
    if not 0 < level < 1:
        raise OptionError(f"The initial level of POT lies between 0 and 1, got {level}.")
    start = _at_rank(ordered, len(ordered) * level)
    excesses = ordered[ordered > start] - start
    if rate >= 1 - level or rate * len(ordered) >= len(excesses) > 0:
        return quantile_threshold(ordered, rate)
    if len(excesses) < LEAST_EXCESSES or excesses[0] == excesses[-1]:
        few = len(excesses) < LEAST_EXCESSES
        found = f"{len(excesses)} of {len(ordered)}" if few else f"{len(excesses)} equal ones"
        raise DataError(
            f"POT needs at least {LEAST_EXCESSES} different training scores above the quantile {level}, got {found}: "
            f"give more scores, lower the level, or take quantile_threshold."
        )
    shape, scale = _fit_pareto(excesses)
    log_share = math.log(rate * len(ordered) / len(excesses))
    with np.errstate(over="ignore"):
        grown = -log_share if abs(shape * log_share) < 1e-9 else np.expm1(-shape * log_share) / shape
        threshold = float(start + scale * grown)
    if not math.isfinite(threshold):
        raise DataError(f"POT at the rate {rate} with tail shape {shape:.3g} is {threshold}: choose a larger rate.")
    return threshold


THRESHOLDS: dict[str, Callable[[np.ndarray, float], float]] = {
    "quantile": quantile_threshold,
    "conformal": conformal_threshold,
    "pot": pot_threshold,
}


def _fit_pareto(excesses: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of the generalised Pareto law of positive excesses."""
    try:
        from scipy.stats import genpareto
    except ImportError:
        raise missing_extra("scipy", "logs") from None
    unit = float(excesses.mean())  # the search starts near 1
    with np.errstate(all="ignore"):  # it also tries laws that exclude some excess: log of 0
        shape, _, scale = genpareto.fit(excesses / unit, floc=0)
    return float(shape), float(scale) * unit


def _sorted(scores: np.ndarray, rate: float) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if not 0 < rate < 1:
        raise OptionError(f"A false-alarm rate lies between 0 and 1, got {rate}.")
    if scores.ndim != 1:
        raise ShapeError(f"A threshold expects training scores [N], got {list(scores.shape)}.")
    if len(scores) == 0 or not np.isfinite(scores).all():
        raise DataError(f"A threshold needs finite training scores, got {len(scores)} with NaN, inf or none at all.")
    return np.sort(scores)


def _rank(position: float) -> int:
    return math.ceil(position - 1e-9)  # 100 · (1 − 0.07) is a little more than 93


def _at_rank(ordered: np.ndarray, position: float) -> float:
    return float(ordered[max(_rank(position), 1) - 1])
