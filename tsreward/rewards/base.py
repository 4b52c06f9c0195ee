"""What every reward mode is: scores and their p-values in, rewards out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from tsreward.errors import OptionError
from tsreward.rewards.calibration import Calibration


@dataclass(frozen=True)
class RewardOptions:
    """Options that all reward modes share."""

    false_alarm_rate: float = 0.05
    """Share of held-out normal windows that may be flagged as anomalous."""
    smoothing: float = 0.0
    """Share of the previous score in an exponential moving average s̄_t = (1 − λ) s_t + λ s̄_{t−1}; 0 is none."""

    def __post_init__(self) -> None:
        if not 0 < self.false_alarm_rate < 1:
            raise OptionError(f"false_alarm_rate lies between 0 and 1, got {self.false_alarm_rate}.")
        if not 0 <= self.smoothing < 1:
            raise OptionError(f"smoothing lies in [0, 1), got {self.smoothing}.")


class RewardMode(nn.Module, ABC):
    """Turns scores into rewards, elementwise over windows."""

    Options: ClassVar[type[RewardOptions]]
    replaces: ClassVar[bool]
    """Whether the learned reward takes the place of the environment's."""
    threshold: Tensor

    def __init__(self, options: RewardOptions) -> None:
        super().__init__()
        self.options = options

    @property
    def uses_probes(self) -> bool:
        """Whether `fit` needs scores of behaviour that must not be rewarded."""
        return False

    @abstractmethod
    def fit(self, calibration: Calibration, unit: float | None, probes: Tensor | None = None) -> None:
        """Fix thresholds and scales from held-out normal scores.

        `unit` is a typical single-step |reward|, `probes` are scores [P] of behaviour that must not be rewarded.
        """

    @abstractmethod
    def forward(self, scores: Tensor, p_value: Tensor, env_reward: Tensor | None) -> Tensor:
        """Return rewards [B] in float64 from scores [B], p-values [B] and environment rewards [B]."""
