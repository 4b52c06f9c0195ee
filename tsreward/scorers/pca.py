"""Principal components of the normal windows, and what they leave over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.errors import OptionError
from tsreward.functional.moments import mean_and_covariance, principal_components
from tsreward.functional.tensors import row_product
from tsreward.functional.windows import flat_steps
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.closed_form import ClosedForm


@dataclass(frozen=True)
class PCAOptions(ScorerOptions):
    """Options of `PCA`."""

    components: int | float | None = option(0.9, search=Range(0.3, 0.99))
    """Components that are kept: their number, the fraction of the variance they explain, or None for all."""
    steps: Literal["last", "window"] = option("last", search=("last", "window"))
    """Look at the last step only, or at the whole window."""
    score: Literal["residual", "weighted"] = "residual"
    """The mean squared residual, or the weighted distance of PyOD's PCA."""

    def check(self) -> None:
        if (isinstance(self.components, float) and not 0 < self.components < 1) or self.components == 0:
            self.refuse("components", "an integer >= 1, a fraction between 0 and 1, or None")
        if self.components is None and self.score == "residual":
            self.refuse("components", "a number or a fraction for the residual, which is zero when all are kept,")


@SCORERS.register("pca")
class PCA(ClosedForm[PCAOptions]):
    """Distance of a window to the principal components of normal windows.

    `residual` is ‖x − x̂‖² / P with x̂ the projection onto the kept components; at least one direction of the P is
    left out. `weighted` is Σᵢ ‖x − vᵢ‖ / ρᵢ over the kept components vᵢ (unit length) with ρᵢ their fraction of the
    variance: the decision function of PyOD's PCA. Components without variance are never kept.

    >>> from tsreward.sequences.windows import WindowSet
    >>> line = torch.linspace(-1, 1, 50)[:, None].expand(50, 2)
    >>> scorer = PCA(window=1, options=PCAOptions(components=1)).fit(WindowSet.from_episodes([line], window=1))
    >>> [round(score, 3) for score in scorer(torch.tensor([[[0.5, 0.5]], [[0.5, -0.5]]])).tolist()]
    [0.0, 0.721]
    """

    Options = PCAOptions
    graph = True

    centre: Tensor
    directions: Tensor
    weights: Tensor

    def build(self) -> None:
        columns = self.dim * (self.window if self.options.steps == "window" else 1)
        most = columns - 1 if self.options.score == "residual" else columns
        if isinstance(self.options.components, int) and self.options.components > most:
            raise OptionError(f"PCA.components can be at most {most} of {columns}, got {self.options.components}.")
        self.register_buffer("centre", torch.zeros(columns))
        self.register_buffer("directions", torch.eye(columns))
        self.register_buffer("weights", torch.zeros(columns))

    def learn_batches(self, batches: Iterator[Tensor], number: int) -> None:
        mean, covariance = mean_and_covariance(flat_steps(batch, self.options.steps) for batch in batches)
        ratio, directions = principal_components(covariance)
        kept = torch.arange(len(ratio)) < self._number(ratio)
        if self.options.score == "residual":
            weights = (~kept).double() / len(ratio)
        else:
            weights = torch.where(kept & (ratio > 1e-9), 1 / ratio.clamp_min(1e-9), 0.0)
        self.centre.copy_(mean)
        self.directions.copy_(directions)
        self.weights.copy_(weights)

    def measure(self, windows: Tensor) -> Tensor:
        rows = flat_steps(windows, self.options.steps)
        if self.options.score == "residual":
            return row_product(rows - self.centre, self.directions).square() @ self.weights
        # ‖x − v‖² for all unit vectors v at once
        squared = rows.square().sum(1, keepdim=True) - 2 * row_product(rows, self.directions) + 1
        return squared.clamp_min(0).sqrt() @ self.weights

    def parts(self, windows: Tensor) -> Tensor:
        rows = flat_steps(windows, self.options.steps)
        if self.options.score == "residual":
            left = row_product(rows - self.centre, self.directions) * self.weights.sqrt()
            found = row_product(left, self.directions.T).square()  # the residual itself, in the columns
        else:
            squared = rows.square().sum(1, keepdim=True) - 2 * row_product(rows, self.directions) + 1
            share = self.weights / squared.clamp_min(1e-12).sqrt()  # [B, P] of each component's squares
            cross = row_product(share, self.directions.T)
            found = rows.square() * share.sum(1, keepdim=True) - 2 * rows * cross
            found = found + row_product(share, self.directions.square().T)
        return found.unflatten(1, (-1, self.dim)).sum(1)

    def _number(self, ratio: Tensor) -> int:
        """Return how many components are kept, given their fractions of the variance in falling order."""
        components = self.options.components
        if isinstance(components, float):
            components = int((ratio.cumsum(0) <= components).sum()) + 1
        most = len(ratio) - 1 if self.options.score == "residual" else len(ratio)
        return most if components is None else min(components, most)
