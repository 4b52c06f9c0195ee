"""Mahalanobis distance to the mean of the normal windows."""

from __future__ import annotations

from collections.abc import Iterator
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
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.closed_form import ClosedForm


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
class Mahalanobis(ClosedForm[MahalanobisOptions]):
    """Mahalanobis distance ‖(x − μ) W‖ with W Wᵀ the inverse covariance of the normal data.

    >>> from tsreward.sequences.windows import WindowSet
    >>> scorer = Mahalanobis(window=1, options=MahalanobisOptions(covariance="diagonal"))
    >>> scorer = scorer.fit(WindowSet.from_episodes([torch.tensor([[-1.0], [1.0]])], window=1))
    >>> scorer(torch.tensor([[[0.0]], [[-3.0]]]))
    tensor([0., 3.])
    """

    Options = MahalanobisOptions
    graph = True

    centre: Tensor
    factor: Tensor

    def build(self) -> None:
        columns = self.dim * (self.window if self.options.steps == "window" else 1)
        self.register_buffer("centre", torch.zeros(columns))
        self.register_buffer("factor", torch.eye(columns))

    def learn_batches(self, batches: Iterator[Tensor], number: int) -> None:
        if self.options.covariance == "diagonal":
            return  # the windows are standardised already
        mean, covariance = mean_and_covariance(flat_steps(batch, self.options.steps) for batch in batches)
        self.centre.copy_(mean)
        self.factor.copy_(precision_factor(covariance, self.options.shrinkage))

    def measure(self, windows: Tensor) -> Tensor:
        return squared_mahalanobis(flat_steps(windows, self.options.steps), self.centre, self.factor).sqrt()

    def parts(self, windows: Tensor) -> Tensor:
        squares = mahalanobis_parts(flat_steps(windows, self.options.steps), self.centre, self.factor)
        squares = squares.unflatten(1, (-1, self.dim)).sum(1)
        # A distance is the sum of its squares over itself.
        return squares / squares.sum(1, keepdim=True).sqrt().clamp_min(1e-12)
