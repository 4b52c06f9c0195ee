"""Mahalanobis distance to the mean of the normal windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.functional.moments import (
    mahalanobis_parts,
    mean_and_covariance,
    precision_factor,
    squared_mahalanobis,
)
from tsreward.functional.windows import flat_steps
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class MahalanobisOptions(ScorerOptions):
    """Options of `Mahalanobis`."""

    covariance: Literal["full", "diagonal"] = "full"
    """Diagonal ignores correlations: the score is the L2 norm of the z-scored columns, with nothing else learned."""
    shrinkage: float = option(0.01, high=1, search=Range(1e-3, 0.9, log=True))
    """Fraction of the identity in the full covariance, which keeps it invertible."""
    steps: Literal["last", "window"] = option("last", search=("last", "window"))
    """Look at the last step only, or at the whole window."""


@SCORERS.register("mahalanobis")
class Mahalanobis(Scorer[MahalanobisOptions]):
    """Mahalanobis distance ‖(x − μ) W‖ with W Wᵀ the inverse covariance of the normal data.

    >>> from tsreward.sequences.windows import WindowSet
    >>> scorer = Mahalanobis(window=1, options=MahalanobisOptions(covariance="diagonal"))
    >>> scorer = scorer.fit(WindowSet.from_episodes([torch.tensor([[-1.0], [1.0]])], window=1))
    >>> scorer(torch.tensor([[[0.0]], [[-3.0]]]))
    tensor([0., 3.])
    """

    Options = MahalanobisOptions
    graph = True
    uses_negative = False
    uses_held_out = False

    centre: Tensor
    factor: Tensor

    def build(self) -> None:
        columns = self.dim * (self.window if self.options.steps == "window" else 1)
        self.register_buffer("centre", torch.zeros(columns))
        self.register_buffer("factor", torch.eye(columns))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        if self.options.covariance == "diagonal":
            return  # the windows are standardised already
        mean, covariance = mean_and_covariance(flat_steps(b, self.options.steps) for b in normal[0].batches(4096))
        self.centre.copy_(mean)
        self.factor.copy_(precision_factor(covariance, self.options.shrinkage))

    def measure(self, windows: Tensor) -> Tensor:
        return squared_mahalanobis(flat_steps(windows, self.options.steps), self.centre, self.factor).sqrt()

    def parts(self, windows: Tensor) -> Tensor:
        squares = mahalanobis_parts(flat_steps(windows, self.options.steps), self.centre, self.factor)
        squares = squares.unflatten(1, (-1, self.dim)).sum(1)
        # A distance is the sum of its squares over itself.
        return squares / squares.sum(1, keepdim=True).sqrt().clamp_min(1e-12)
