"""Expert likeness: a decreasing function of the score takes the place of the environment's reward (AD-RL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.calibration import Calibration
from tsreward.errors import OptionError
from tsreward.functional.shaping import exponential_likeness
from tsreward.rewards.base import RewardMode, RewardOptions


@dataclass(frozen=True)
class LikenessOptions(RewardOptions):
    """Options of `Likeness`."""

    shape: Literal["exponential", "negative", "tail"] = "exponential"
    """exponential: exp(−max(0, s − m)/c) in [0, 1]. negative: −(s − m)/c. tail: the tail probability in (0, 1]."""
    scale: float | None = None
    """c in units of the score; None takes the spread of normal scores, q90 − q50."""
    clip_low: float | None = None
    """Quantile of normal scores below which scores are raised to it, e.g. 0.05; None does not clip."""
    clip_high: float | None = None
    """Quantile of normal scores above which scores are lowered to it, e.g. 0.999; None does not clip."""


class Likeness(RewardMode):
    """r = g(score) with g decreasing; m is the median of held-out normal scores.

    Say which sign a reward has: one that is never negative pays for staying alive, one that is never positive for
    ending early. Only `negative` is of the second kind.
    """

    Options = LikenessOptions
    options: LikenessOptions
    replaces = True
    origin: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, options: LikenessOptions = LikenessOptions()) -> None:
        super().__init__(options)
        if options.shape not in ("exponential", "negative", "tail"):
            raise OptionError(f"Likeness.shape is 'exponential', 'negative' or 'tail', got '{options.shape}'.")
        if options.scale is not None and not options.scale > 0:
            raise OptionError(f"Likeness.scale must be positive, got {options.scale}.")
        for name, start in (("threshold", 0.0), ("origin", 0.0), ("scale", 1.0)):
            self.register_buffer(name, torch.tensor(start))
        self.register_buffer("low", torch.tensor(-torch.inf))
        self.register_buffer("high", torch.tensor(torch.inf))

    def fit(self, calibration: Calibration, unit: float | None) -> None:
        options = self.options
        self.threshold.fill_(calibration.threshold(options.false_alarm_rate))
        self.origin.fill_(calibration.quantile(0.5))
        spread = calibration.quantile(0.9) - calibration.quantile(0.5)
        self.scale.fill_(options.scale if options.scale is not None else max(spread, 1e-6))
        if options.clip_low is not None:
            self.low.fill_(calibration.quantile(options.clip_low))
        if options.clip_high is not None:
            self.high.fill_(calibration.quantile(options.clip_high))

    def forward(self, scores: Tensor, tail: Tensor, env_reward: Tensor | None) -> Tensor:
        if self.options.shape == "tail":
            return tail.double()
        clipped = scores.clamp(self.low, self.high)
        if self.options.shape == "exponential":
            return exponential_likeness(clipped, self.origin, self.scale).double()
        return ((self.origin - clipped) / self.scale).double()
