"""Safety penalty: what the environment pays, less what is strange (AnoSeqs, arXiv 2407.19860)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.functional.shaping import severity
from tsreward.options import Range, option
from tsreward.rewards.base import MODES, RewardMode, RewardOptions
from tsreward.rewards.calibration import Calibration


@dataclass(frozen=True)
class PenaltyOptions(RewardOptions):
    """Options of `Penalty`."""

    form: Literal["tail", "raw", "constant"] = option("tail", search=("tail", "constant"))
    """tail: weight · unit · severity in [1/2, 1). raw: weight · score, as in AnoSeqs. constant: weight · unit."""
    weight: float = option(8.0, search=Range(0.5, 32.0, log=True))
    """λ: how much a flagged step costs; in typical single-step rewards, but for raw."""
    unit: float | None = option(None, above=0)
    """A typical single-step |reward|, so that one weight serves all tasks; None takes it from the data given to fit."""
    floor: float | None = None
    """A flagged step pays no less than minus this, in units, unless the environment itself pays less; None is no floor.
    At 0 a penalty takes away what a step would earn, and no more: living on never pays less than ending the episode,
    where the environment's own reward does not."""


@MODES.register("penalty")
class Penalty(RewardMode):
    """r' = r − weight · g(score) where the score passes the threshold, else r; with a floor, no less than
    min(r, −floor · unit)."""

    Options = PenaltyOptions
    options: PenaltyOptions
    main_option = "form"
    replaces = False
    unit: Tensor

    def __init__(self, options: PenaltyOptions | str = PenaltyOptions()) -> None:
        super().__init__(options)
        self.register_buffer("threshold", torch.tensor(0.0))
        self.register_buffer("unit", torch.tensor(1.0, dtype=torch.float64))

    @property
    def needs_unit(self) -> bool:
        bare = self.options.form == "raw" and not self.options.floor
        return not bare and self.options.unit is None

    @property
    def measured_unit(self) -> float | None:
        return float(self.unit)

    def fit(self, calibration: Calibration, unit: float | None, probes: Tensor | None = None) -> Self:
        self.threshold.fill_(calibration.threshold(self.options.false_alarm_rate))
        if self.options.form != "raw" or self.options.floor:
            self.unit.fill_(reward_unit(self.options.unit, unit, "Penalty"))
        return self

    def forward(self, scores: Tensor, p_value: Tensor, env_reward: Tensor | None) -> Tensor:
        if env_reward is None:
            raise OptionError("Penalty lowers the environment's reward: give env_reward, or use a likeness mode.")
        if self.options.form == "raw":
            size = scores.double()
        elif self.options.form == "tail":
            size = self.unit * severity(p_value, self.options.false_alarm_rate)
        else:
            size = self.unit
        reward = env_reward.double()
        paid = reward - self.options.weight * size * (scores > self.threshold)
        if self.options.floor is None:
            return paid
        return torch.maximum(paid, torch.minimum(reward, -self.options.floor * self.unit))

    def reweighted(self, weight: float) -> Penalty:
        mode = Penalty(replace(self.options, weight=weight))
        mode.load_state_dict(self.state_dict())
        return mode


def reward_unit(chosen: float | None, measured: float | None, who: str) -> float:
    """Return the unit of a penalty: the option where given, else the measured typical |reward|.

    Raises:
        OptionError: neither is there, or it is not positive.
    """
    unit = measured if chosen is None else chosen
    if unit is None or not unit > 0:
        raise OptionError(
            f"{who} is measured in typical single-step |reward|, got {unit}: pass unit=... in its options, or give "
            f"rewards to fit."
        )
    return unit
