"""Density of windows under a normalising flow with spline transforms (Durkan et al. 2019, arXiv 1906.04032)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.errors import missing_extra
from tsreward.functional.windows import flat_steps
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train

try:  # here, for nothing is imported while a file is loaded
    from zuko.flows import NSF
except ImportError:
    NSF = None


@dataclass(frozen=True)
class FlowOptions(ScorerOptions):
    """Options of `Flow`."""

    steps: Literal["last", "window"] = option("window", search=("last", "window"))
    """The density of the last step alone, or of all steps of a window together."""
    transforms: int = option(3, search=Range(2, 6))
    bins: int = option(8, low=2, search=(4, 8, 16))
    """Pieces of every spline."""
    hidden: int = 64
    layers: int = 2
    """Hidden layers of the network that gives the splines."""


@SCORERS.register("flow")
class Flow(Scorer[FlowOptions]):
    """−log p(window) in nats per number, under a neural spline flow of `zuko`.

    Autoregressive monotonic rational-quadratic splines take the K · D standardised numbers of a window to a standard
    normal distribution. A reward mode turns the score into the density.

    Raises:
        MissingExtraError: zuko is not installed.

    >>> from tsreward.training import TrainOptions
    >>> episodes = [torch.randn(20, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    >>> scorer = Flow(window=2)
    >>> scorer = scorer.fit(WindowSet.from_episodes(episodes, window=2), options=TrainOptions(epochs=1))
    >>> scorer(torch.zeros(5, 2, 3)).shape
    torch.Size([5])
    """

    Options = FlowOptions
    uses_negative = False
    uses_held_out = True

    def build(self) -> None:
        if NSF is None:
            raise missing_extra("zuko", "flow")
        options = self.options
        self.numbers = self.dim * (1 if options.steps == "last" else self.window)
        hidden = [options.hidden] * options.layers
        with torch.device("cpu"):  # zuko computes its masks, which the meta device cannot
            self.flow = NSF(self.numbers, transforms=options.transforms, bins=options.bins, hidden_features=hidden)

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        train(self, lambda windows, _, __: self.measure(windows).mean(), normal, None, options, report)

    def measure(self, windows: Tensor) -> Tensor:
        if len(windows) == 0:  # zuko reshapes by -1
            return windows.new_zeros(0)
        return -self.flow().log_prob(flat_steps(windows, self.options.steps)) / self.numbers
