"""What every reward mode is: scores and their p-values in, rewards out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from tsreward.errors import OptionError, shown
from tsreward.options import Options, Range, option
from tsreward.registry import Registry
from tsreward.rewards.calibration import Calibration


@dataclass(frozen=True)
class RewardOptions(Options):
    """Options that all reward modes share."""

    false_alarm_rate: float = option(0.05, above=0, below=1, search=Range(0.005, 0.2, log=True))
    """Fraction of held-out normal windows that may be flagged as anomalous."""
    smoothing: float = option(0.0, below=1, search=Range(0.0, 0.9))
    """Fraction of the previous score in an exponential moving average s̄_t = (1 − λ) s_t + λ s̄_{t−1}; 0 is none."""


class RewardMode(nn.Module, ABC):
    """Turns scores into rewards, elementwise over windows."""

    Options: ClassVar[type[RewardOptions]]
    replaces: ClassVar[bool]
    """Whether the learned reward takes the place of the environment's."""
    main_option: ClassVar[str | None] = None
    """The option that a text in place of options stands for: `Likeness("negative")`."""
    threshold: Tensor

    def __init__(self, options: RewardOptions | str) -> None:
        super().__init__()
        if isinstance(options, str) and self.main_option is not None:
            options = self.Options.from_json({self.main_option: options})
        if not isinstance(options, self.Options):
            name = type(self).__name__
            raise OptionError(f"{name} takes {name}({self.Options.__name__}(...)), got {shown(options)}.")
        self.options = options

    @property
    def moves_while_training(self) -> bool:
        """Whether `update` has to be called after every rollout."""
        return False

    @property
    def every(self) -> int:
        """Steps of an episode between two rewards; the mode pays 0 in the others."""
        return 1

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the most that a step can be paid; None where a reward has no such limits."""
        return None

    @property
    def uses_probes(self) -> bool:
        """Whether `fit` needs scores of behaviour that must not be rewarded."""
        return False

    @property
    def needs_unit(self) -> bool:
        """Whether `fit` must be given a typical single-step |reward|."""
        return False

    @property
    def measured_unit(self) -> float | None:
        """The typical single-step |reward| that `fit` was given or took from the options; None where none is used."""
        return None

    @abstractmethod
    def fit(self, calibration: Calibration, unit: float | None, probes: Tensor | None = None) -> Self:
        """Fix thresholds and scales from held-out normal scores, and return the mode.

        `unit` is a typical single-step |reward|, `probes` are scores [P] of behaviour that must not be rewarded.
        """

    @abstractmethod
    def forward(self, scores: Tensor, p_value: Tensor, env_reward: Tensor | None) -> Tensor:
        """Return rewards [B] in float64 from scores [B], p-values [B] and environment rewards [B]."""

    def own_reward(self, scores: Tensor, p_value: Tensor) -> Tensor:
        """Return what the mode itself pays [B]: the reward, or what it adds to the environment's, never positive."""
        env_reward = None if self.replaces else torch.zeros(len(scores), dtype=torch.float64)
        return self(scores, p_value, env_reward)

    def reweighted(self, weight: float) -> RewardMode:
        """Return the same fitted mode with another weight of its penalty.

        Raises:
            OptionError: the mode has no weight.
        """
        raise OptionError(f"A penalty weight is for the mode penalty, but this model's is {type(self).__name__}.")

    def fixed(self, multiplier: float | None = None) -> RewardMode:
        """Return the same fitted mode with a multiplier that stays; None keeps the present one.

        Raises:
            OptionError: the mode has no multiplier.
        """
        raise OptionError(f"A multiplier is for the mode lagrangian, but this model's is {type(self).__name__}.")

    def update(self, flag_rate: float, episode_length: float | None = None) -> None:
        """Follow a rollout in which `flag_rate` of the steps were anomalous; modes that stay the same do nothing."""


MODES: Registry[type[RewardMode]] = Registry("reward mode", "tsreward.rewards", RewardMode)
"""`MODES[name](MODES[name].Options(**values))` builds a reward mode from a file's names and values."""
