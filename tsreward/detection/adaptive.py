"""Thresholds that hold while the scores of normal rows drift: adaptive conformal inference."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

import numpy as np

from tsreward.detection.incidents import IncidentOptions
from tsreward.errors import DataError, OptionError
from tsreward.options import Options, option


@dataclass(frozen=True)
class AdaptiveOptions(Options):
    """How a threshold follows the scores."""

    step: float = option(0.005, above=0, high=1)
    """γ: how much the rate in use moves with each row, as in the paper."""
    recent: int = option(2000, low=100)
    """The last so many scores make the threshold; at first those of held-out rows."""
    bound: float | None = option(5.0, low=1.0)
    """The rate in use stays within this factor of the rate asked for, and a score that passed the threshold counts as
    at most a tenth further from the median than the threshold: else a long incident hides what comes after it. None is
    the method of the paper, with its guarantee."""


_GROWTH = 0.1


class AdaptiveThreshold:
    """Adaptive conformal inference (Gibbs & Candès, NeurIPS 2021) on the scores of the last rows.

    The threshold of a row is the conformal one of the last scores at the rate α_t in use, and
    α_{t+1} = α_t + γ (rate − [the row was flagged]). With `bound=None`, whatever the scores are, even if an adversary
    chooses them, the flagged fraction of T rows lies within (max(rate, 1 − rate) + γ) / (γ T) of the rate asked for
    (their proposition 4.1). That leaves no flag for what follows a long incident, so by default α_t is bounded, and
    there is no guarantee. A threshold looks at no later row.

    Args:
        normal: [N] held-out scores of normal rows, in their order.
        rate: fraction of rows that may be flagged.
        hold: see `IncidentOptions`: the lower threshold's rate over the upper one's.
        options: how it follows.

    Raises:
        OptionError: a rate outside (0, 1).
        DataError: no scores.

    >>> drifting = np.random.default_rng(0).normal(size=20_000) + np.linspace(0, 30, 20_000)
    >>> exact = AdaptiveOptions(bound=None)
    >>> threshold = AdaptiveThreshold(np.random.default_rng(1).normal(size=2000), rate=0.01, options=exact)
    >>> high, _ = threshold.push(drifting)
    >>> print(f"{(drifting > high).mean():.4f}")
    0.0101
    """

    def __init__(
        self,
        normal: np.ndarray,
        rate: float,
        hold: float = 5.0,
        options: AdaptiveOptions = AdaptiveOptions(),
    ) -> None:
        normal = np.asarray(normal, dtype=np.float64)
        if not 0 < rate < 1:
            raise OptionError(f"A false-alarm rate lies between 0 and 1, got {rate}.")
        if not len(normal) or not np.isfinite(normal).all():
            raise DataError(f"An adaptive threshold needs finite held-out scores, got {len(normal)} or NaN among them.")
        self.rate, self.options = rate, options
        self._times = IncidentOptions(hold=hold).low_rate(rate) / rate
        self._alpha = rate
        self._recent = deque(normal[-options.recent :].tolist())
        self._ordered = sorted(self._recent)

    def push(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the upper and the lower threshold [T] of the next rows, whose scores [T] then move them."""
        high, low = np.empty(len(scores)), np.empty(len(scores))
        gamma, rate, recent, ordered = self.options.step, self.rate, self._recent, self._ordered
        bound = self.options.bound
        for row, score in enumerate(np.asarray(scores, dtype=np.float64).tolist()):
            high[row] = self._at(self._alpha)
            low[row] = min(high[row], self._at(min(0.5, self._times * max(self._alpha, rate))))
            self._alpha += gamma * (rate - (score > high[row]))
            kept = score
            if bound is not None:
                self._alpha = min(max(self._alpha, rate / bound), rate * bound)
                if score > high[row]:
                    kept = min(score, high[row] + _GROWTH * (high[row] - ordered[len(ordered) // 2]))
            insort(ordered, kept)
            recent.append(kept)
            if len(recent) > self.options.recent:
                del ordered[bisect_left(ordered, recent.popleft())]
        return high, low

    def state(self) -> dict[str, np.ndarray]:
        """Return what the next thresholds depend on, as arrays."""
        return {"alpha": np.array([self._alpha]), "recent": np.array(self._recent)}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` gave."""
        self._alpha = float(state["alpha"][0])
        self._recent = deque(state["recent"].tolist())
        self._ordered = sorted(self._recent)

    def _at(self, alpha: float) -> float:
        """Return the score that may be passed at a rate; beyond what the scores can tell, it is infinite."""
        number = len(self._ordered)
        if alpha >= 1:
            return -math.inf
        rank = math.ceil((number + 1) * (1 - alpha) - 1e-9)
        return math.inf if alpha <= 0 or rank > number else self._ordered[max(rank, 1) - 1]
