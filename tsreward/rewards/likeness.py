"""Expert likeness: a decreasing function of the score takes the place of the environment's reward (AD-RL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from tsreward.errors import DataError
from tsreward.functional.shaping import exponential_likeness, least_squares_likeness, odds_likeness
from tsreward.options import option
from tsreward.rewards.base import MODES, RewardMode, RewardOptions
from tsreward.rewards.calibration import Calibration

Transform = Literal["exponential", "negative", "p_value", "auto", "odds", "least_squares"]

SMALLEST_SCALE = 0.25
"""Least c of the transform auto, in ranges q90 − q50 of the normal scores."""


@dataclass(frozen=True)
class LikenessOptions(RewardOptions):
    """Options of `Likeness`."""

    transform: Transform = "exponential"
    """exponential: exp(−max(0, s − m)/c) in [0, 1]. negative: −(s − m)/c. p_value: the p-value in (0, 1]. auto:
    exponential, with c from behaviour that must not be rewarded. odds: 1 − (s²/(1 + s²))², for DeepSVDD that learns
    from an agent's windows. least_squares: max(0, 1 − s²/4), for Discriminator."""
    scale: float | None = option(None, above=0)
    """c in units of the score; None takes the range q90 − q50 of normal scores, or what auto measures."""
    clip_low: float | None = option(None, high=1)
    """Quantile of normal scores below which scores are raised to it, e.g. 0.05; None does not clip."""
    clip_high: float | None = option(None, high=1)
    """Quantile of normal scores above which scores are lowered to it, e.g. 0.999; None does not clip."""

    every: int = 1
    """Steps of an episode between two rewards; the others earn 0. GenReward pays for its last 128 steps at the end of
    every 128."""

    def check(self) -> None:
        low, high = self.clip_low or 0.0, 1.0 if self.clip_high is None else self.clip_high
        if not low < high:
            self.refuse("clip_low", f"below clip_high={high}")


@MODES.register("likeness")
class Likeness(RewardMode):
    """r = g(score) with g decreasing; m is the median of held-out normal scores.

    auto takes c = (q − m)/3, where nine tenths of the scores of behaviour that must not be rewarded (`probes`) lie
    above q: those earn exp(−3) = 0.05 at most. c is at least a quarter of q90 − q50. Where probes score no higher than
    normal windows, that floor is all that is left, and such probes are paid: no scale tells apart what the scorer does
    not, so give it the probes as negatives to learn from, or a longer window. The floor is narrow: an agent that is
    not yet like the expert earns nothing anywhere. So measure it on what agents do that know nothing, rather than on
    the expert's own windows spoiled, which a scorer may like.

    odds and least_squares use the score as it is: they are for scorers whose loss gives it a unit.

    Say which sign a reward has: one that is never negative pays for staying alive, one that is never positive for
    ending early. Only `negative` is of the second kind.
    """

    Options = LikenessOptions
    options: LikenessOptions
    main_option = "transform"
    replaces = True
    origin: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, options: LikenessOptions | Transform = LikenessOptions()) -> None:
        super().__init__(options)
        for name, start in (("threshold", 0.0), ("origin", 0.0), ("scale", 1.0)):
            self.register_buffer(name, torch.tensor(start))
        self.register_buffer("low", torch.tensor(-torch.inf))
        self.register_buffer("high", torch.tensor(torch.inf))

    @property
    def every(self) -> int:
        return self.options.every

    @property
    def limits(self) -> tuple[float, float] | None:
        return None if self.options.transform == "negative" or self.every > 1 else (0.0, 1.0)

    @property
    def uses_probes(self) -> bool:
        return self.options.transform == "auto" and self.options.scale is None

    def fit(self, calibration: Calibration, unit: float | None, probes: Tensor | None = None) -> Self:
        options = self.options
        self.threshold.fill_(calibration.threshold(options.false_alarm_rate))
        self.origin.fill_(calibration.quantile(0.5))
        upper = max(calibration.quantile(0.9) - calibration.quantile(0.5), 1e-6)
        if options.scale is not None:
            self.scale.fill_(options.scale)
        elif self.uses_probes:
            self.scale.fill_(max(_distance(float(self.origin), probes) / 3, SMALLEST_SCALE * upper))
        else:
            self.scale.fill_(upper)
        if options.clip_low is not None:
            self.low.fill_(calibration.quantile(options.clip_low))
        if options.clip_high is not None:
            self.high.fill_(calibration.quantile(options.clip_high))
        return self

    def forward(self, scores: Tensor, p_value: Tensor, env_reward: Tensor | None) -> Tensor:
        transform = self.options.transform
        if transform == "p_value":
            return p_value.double()
        clipped = scores.clamp(self.low, self.high)
        if transform == "odds":
            return odds_likeness(clipped).double()
        if transform == "least_squares":
            return least_squares_likeness(clipped).double()
        if transform == "negative":
            return ((self.origin - clipped) / self.scale).double()
        return exponential_likeness(clipped, self.origin, self.scale).double()


def _distance(origin: float, probes: Tensor | None) -> float:
    """Return how far the 10 % quantile (nearest rank) of the probes' scores lies above the normal median."""
    if probes is None or len(probes) == 0:
        raise DataError(
            "Likeness 'auto' measures its scale on behaviour that must not be rewarded, and got none: give "
            "fit(..., probes=...), e.g. windows of random actions, or take the transform 'exponential'."
        )
    ordered = probes.detach().double().sort().values
    return float(ordered[round(0.1 * (len(ordered) - 1))]) - origin
