"""Safety penalty whose weight follows the flag rate, so that no weight has to be chosen per task."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.options import Range, option
from tsreward.rewards.base import MODES, RewardMode, RewardOptions
from tsreward.rewards.calibration import Calibration
from tsreward.rewards.penalty import reward_unit

CONSTRAINED = "ppo_lagrangian"
"""Our own, which needs a cost in every step."""


def dual_step(multiplier: float, excess: float, rate: float, cap: float) -> float:
    """Return a Lagrange multiplier after a step of dual ascent, where a constraint is exceeded by `excess`.

    >>> dual_step(1.0, 0.5, rate=0.5, cap=10.0), dual_step(1.0, -4.0, rate=0.5, cap=10.0)
    (1.25, 0.0)
    """
    return min(max(multiplier + rate * excess, 0.0), cap)


@dataclass(frozen=True)
class LagrangianOptions(RewardOptions):
    """Options of `Lagrangian`."""

    target: float | None = None
    """Fraction of flagged steps that is aimed at; None is twice the false-alarm rate. Below that rate even a safe agent
    is flagged too often, and the multiplier would climb to its cap."""
    learning_rate: float = option(1.0, above=0, search=Range(0.1, 10.0, log=True))
    """How fast the multiplier follows: μ ← μ + learning_rate · (seen flag rate − target) after every rollout."""
    cap: float = option(10.0, above=0, search=Range(2.0, 50.0, log=True))
    """The multiplier never exceeds this."""
    multiplier: float | None = None
    """A multiplier that stays, for rewards without an agent that trains; None lets it follow the flag rate."""
    unit: float | None = option(None, above=0)
    """A typical single-step |reward|; None takes it from the data given to fit."""

    def check(self) -> None:
        if not self.false_alarm_rate < self.aim < 1:
            self.refuse(
                "target",
                f"between false_alarm_rate={self.false_alarm_rate} and 1",
                "even a safe agent is flagged at the false-alarm rate, and None is twice that",
            )

    @property
    def aim(self) -> float:
        """Fraction of flagged steps that is aimed at."""
        return 2 * self.false_alarm_rate if self.target is None else self.target


@MODES.register("lagrangian")
class Lagrangian(RewardMode):
    """r' = (r − μ · unit · 1[score > threshold]) / (1 + μ), with dual ascent on μ (Ray et al. 2019, PPO-Lagrangian).

    With a weak scorer an agent can learn to end episodes early instead of being safe: `update` warns when episodes
    become less than half as long as they were, once.
    """

    Options = LagrangianOptions
    options: LagrangianOptions
    replaces = False
    unit: Tensor
    multiplier: Tensor
    longest: Tensor

    def __init__(self, options: LagrangianOptions = LagrangianOptions()) -> None:
        super().__init__(options)
        self.target = options.aim
        self._warned = False
        self.register_buffer("threshold", torch.tensor(0.0))
        self.register_buffer("unit", torch.tensor(1.0, dtype=torch.float64))
        self.register_buffer("multiplier", torch.tensor(options.multiplier or 0.0, dtype=torch.float64))
        self.register_buffer("longest", torch.tensor(0.0, dtype=torch.float64))

    @property
    def moves_while_training(self) -> bool:
        """Whether `update` has to be called after every rollout: unless the multiplier stays."""
        return self.options.multiplier is None

    def fixed(self, multiplier: float | None = None) -> Lagrangian:
        """Return the same fitted mode with a multiplier that stays: the given one, or the present one."""
        stays = float(self.multiplier) if multiplier is None else multiplier
        mode = Lagrangian(replace(self.options, multiplier=stays))
        mode.load_state_dict(self.state_dict())
        mode.multiplier.fill_(stays)
        return mode

    @property
    def needs_unit(self) -> bool:
        return self.options.unit is None

    @property
    def measured_unit(self) -> float | None:
        return float(self.unit)

    def fit(self, calibration: Calibration, unit: float | None, probes: Tensor | None = None) -> Self:
        self.threshold.fill_(calibration.threshold(self.options.false_alarm_rate))
        self.unit.fill_(reward_unit(self.options.unit, unit, "Lagrangian"))
        self.multiplier.fill_(self.options.multiplier or 0.0)
        self.longest.fill_(0.0)
        self._warned = False
        return self

    def forward(self, scores: Tensor, p_value: Tensor, env_reward: Tensor | None) -> Tensor:
        if env_reward is None:
            raise OptionError("Lagrangian lowers the environment's reward: give env_reward, or use a likeness mode.")
        flagged = (scores > self.threshold).double()
        return (env_reward.double() - self.multiplier * self.unit * flagged) / (1 + self.multiplier)

    def own_reward(self, scores: Tensor, p_value: Tensor) -> Tensor:
        """Return what the mode adds [B] with a multiplier of 1, whatever it is now."""
        return -self.unit * (scores > self.threshold)

    def update(self, flag_rate: float, episode_length: float | None = None) -> None:
        """Move the multiplier after a rollout in which `flag_rate` of the steps were flagged, unless it stays."""
        if not self.moves_while_training:
            return
        moved = dual_step(float(self.multiplier), flag_rate - self.target, self.options.learning_rate, self.options.cap)
        self.multiplier.fill_(moved)
        if episode_length is None:
            return
        if not self._warned and episode_length < 0.5 * float(self.longest) and self.multiplier > 0:
            self._warned = True
            warnings.warn(
                f"Episodes fell to {episode_length:.0f} steps from {float(self.longest):.0f} under the penalty: the "
                f"agent may be ending them to escape it. Check the scorer's ROC, or lower cap ({self.options.cap}).",
                RuntimeWarning,
                stacklevel=2,
            )
        self.longest.fill_(max(float(self.longest), episode_length))
