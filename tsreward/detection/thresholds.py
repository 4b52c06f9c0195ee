"""Thresholds from scores of normal rows that a detector was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tsreward.errors import DataError, OptionError, ShapeError, missing_extra

LEAST_EXCESSES = 10


def quantile_threshold(scores: np.ndarray, false_alarm_rate: float) -> float:
    """Return the smallest normal score that at most this fraction of the normal scores [N] exceeds.

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, or NaN or inf among them.
        OptionError: a rate outside (0, 1).

    >>> quantile_threshold(np.arange(100.0), false_alarm_rate=0.05)
    94.0
    """
    ordered = _sorted(scores, false_alarm_rate)
    return _at_rank(ordered, len(ordered) * (1 - false_alarm_rate))


def conformal_threshold(scores: np.ndarray, false_alarm_rate: float) -> float:
    """Return the score of rank ⌈(N + 1)(1 − rate)⌉ among normal scores [N]: the smallest valid threshold.

    Whatever exceeds it has a conformal p-value (1 + #{normal ≥ s}) / (N + 1) ≤ rate (Vovk et al., 2005): a new normal
    row, exchangeable with those of the scores, is flagged with at most this probability, whatever their distribution.

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, NaN or inf among them, or fewer than 1 / rate − 1, when no score can be this unlikely.
        OptionError: a rate outside (0, 1).

    >>> conformal_threshold(np.arange(99.0), false_alarm_rate=0.05)
    94.0
    """
    ordered = _sorted(scores, false_alarm_rate)
    position = (len(ordered) + 1) * (1 - false_alarm_rate)
    if _rank(position) > len(ordered):
        raise DataError(
            f"A conformal threshold at the rate {false_alarm_rate} needs at least "
            f"{math.ceil(1 / false_alarm_rate - 1 - 1e-9)} normal scores, got {len(ordered)}: choose a larger rate, or "
            f"the threshold pot, which extrapolates."
        )
    return _at_rank(ordered, position)


def pot_threshold(scores: np.ndarray, false_alarm_rate: float, level: float = 0.98) -> float:
    """Return the score with this tail probability by peaks over threshold (Siffer et al., KDD 2017, equation 1).

    What exceeds the initial level t, the quantile `level` of normal scores [N], follows a generalised Pareto
    distribution of shape γ and scale σ, fitted by maximum likelihood. With n of N above t, the threshold is
    t + σ/γ ((rate · N/n)^−γ − 1), which may lie beyond all normal scores. At rates of n/N and more it is
    `quantile_threshold`.

    Args:
        scores: [N] of normal rows.
        false_alarm_rate: fraction of normal rows that may exceed the threshold, in (0, 1).
        level: fraction of the scores below the initial level, in (0, 1).

    Raises:
        ShapeError: scores other than [N].
        DataError: no scores, NaN or inf among them, fewer than 10 or only equal scores above the initial level (unless
            the rate is 1 − level or more), or a tail so heavy that the threshold is infinite.
        OptionError: a rate or level outside (0, 1).
        MissingExtraError: scipy is not installed.

    >>> scores = -np.log(1 - (np.arange(10_000) + 0.5) / 10_000)  # quantiles of the exponential distribution
    >>> found = pot_threshold(scores, false_alarm_rate=1e-6)
    >>> print(f"{found:.1f}, the true quantile is {-np.log(1e-6):.1f}, the largest score {scores[-1]:.1f}")
    13.3, the true quantile is 13.8, the largest score 9.9
    """
    ordered = _sorted(scores, false_alarm_rate)
    if not 0 < level < 1:
        raise OptionError(f"The initial level of POT lies between 0 and 1, got {level}.")
    start = _at_rank(ordered, len(ordered) * level)
    excesses = ordered[ordered > start] - start
    if false_alarm_rate >= 1 - level or false_alarm_rate * len(ordered) >= len(excesses) > 0:
        return quantile_threshold(ordered, false_alarm_rate)
    if len(excesses) < LEAST_EXCESSES or excesses[0] == excesses[-1]:
        few = len(excesses) < LEAST_EXCESSES
        found = f"{len(excesses)} of {len(ordered)}" if few else f"{len(excesses)} equal ones"
        raise DataError(
            f"POT needs at least {LEAST_EXCESSES} different normal scores above the quantile {level}, got {found}: "
            f"give more scores, lower the level, or take the threshold quantile."
        )
    shape, scale = _fit_pareto(excesses)
    log_fraction = math.log(false_alarm_rate * len(ordered) / len(excesses))
    with np.errstate(over="ignore"):
        grown = -log_fraction if abs(shape * log_fraction) < 1e-9 else np.expm1(-shape * log_fraction) / shape
        threshold = float(start + scale * grown)
    if not math.isfinite(threshold):
        raise DataError(
            f"POT at the rate {false_alarm_rate} with tail shape {shape:.3g} is {threshold}: choose a larger rate."
        )
    return threshold


THRESHOLDS: dict[str, Callable[[np.ndarray, float], float]] = {
    "quantile": quantile_threshold,
    "conformal": conformal_threshold,
    "pot": pot_threshold,
}
"""Name -> function of normal scores [N] and a false-alarm rate that returns the threshold, in units of the score."""


def _fit_pareto(excesses: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of the generalised Pareto distribution of positive excesses."""
    try:
        from scipy.stats import genpareto
    except ImportError:
        raise missing_extra("scipy", "logs") from None
    unit = float(excesses.mean())  # the search starts near 1
    with np.errstate(all="ignore"):  # it also tries parameters that exclude some excess: log of 0
        shape, _, scale = genpareto.fit(excesses / unit, floc=0)
    return float(shape), float(scale) * unit


def _sorted(scores: np.ndarray, false_alarm_rate: float) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if not 0 < false_alarm_rate < 1:
        raise OptionError(f"A false-alarm rate lies between 0 and 1, got {false_alarm_rate}.")
    if scores.ndim != 1:
        raise ShapeError(f"A threshold expects normal scores [N], got {list(scores.shape)}.")
    if len(scores) == 0 or not np.isfinite(scores).all():
        raise DataError(f"A threshold needs finite normal scores, got {len(scores)} with NaN, inf or none at all.")
    return np.sort(scores)


def _rank(position: float) -> int:
    return math.ceil(position - 1e-9)  # 100 · (1 − 0.07) is a little more than 93


def _at_rank(ordered: np.ndarray, position: float) -> float:
    return float(ordered[max(_rank(position), 1) - 1])
