"""A discriminator of windows, the reward of adversarial imitation (Peng et al. 2021, AMP, arXiv 2104.02180)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsreward.functional.losses import with_squared_slope
from tsreward.functional.tensors import FlatRows
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.gradient import GradientScorer


@dataclass(frozen=True)
class DiscriminatorOptions(ScorerOptions):
    """Options of `Discriminator`."""

    hidden: int = 128
    gradient_penalty: float = 1.0
    """Weight of the mean squared slope of d at normal windows."""


@SCORERS.register("discriminator")
class Discriminator(GradientScorer[DiscriminatorOptions]):
    """1 − d of a network d that is trained to answer 1 to normal windows and −1 to negative ones.

    Loss: mean (d(normal) − 1)² + mean (d(negative) + 1)² + weight · mean ‖∂d/∂normal‖² (Peng et al. 2021, eq. 5 and 6).
    Anomalies unlike any negative window may get any score. It is meant for `tsreward.ActiveLearner`, where the negative
    windows are those of the agent, with the likeness `least_squares`.

    >>> from tsreward.sequences.windows import WindowSet
    >>> Discriminator(window=2).fit(WindowSet.from_episodes([torch.zeros(9, 1)], window=2))
    Traceback (most recent call last):
    tsreward.errors.DataError: Discriminator tells normal windows from others, and got no negative ones: give \
fit(normal, negative), e.g. windows of an agent or of tsreward.sequences.probes, or use DeepSVDD.
    """

    Options = DiscriminatorOptions
    graph = True
    needs_negative = True

    def build(self) -> None:
        hidden = self.options.hidden
        self.network = nn.Sequential(
            FlatRows(),
            nn.Linear(self.window * self.dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        assert negative is not None, "fit refuses to learn without"
        answers, slopes = with_squared_slope(self._answer, normal)
        apart = (answers - 1).square().mean() + (self._answer(negative) + 1).square().mean()
        return apart + self.options.gradient_penalty * slopes.mean()

    def measure(self, windows: Tensor) -> Tensor:
        return 1 - self._answer(windows)

    def _answer(self, windows: Tensor) -> Tensor:
        return self.network(windows)[:, 0]
