"""Vector autoregression by ridge regression: a forecaster in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tsreward.functional.moments import mean_and_covariance, ridge_from_moments
from tsreward.functional.tensors import row_product
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.closed_form import ClosedForm


@dataclass(frozen=True)
class RidgeVAROptions(ScorerOptions):
    """Options of `RidgeVAR`."""

    ridge: float = option(
        1.0,
        above=0,
        remedy="constant and collinear columns have no single solution without it",
        search=Range(1e-2, 1e4, log=True),
    )
    """Penalty on the squared weights, beside the sum of squared errors over all normal windows; the bias is free."""
    scale_residuals: bool = False
    """Divide every column's residual by its standard deviation on normal windows: what is well predicted counts."""
    residual_floor: float = option(0.01, above=0, search=Range(1e-3, 0.5, log=True))
    """Least standard deviation of a residual, as a fraction of the column's own."""


@SCORERS.register("ridge_var")
class RidgeVAR(ClosedForm[RidgeVAROptions]):
    """Mean squared error of predicting the last step linearly from the K − 1 before it.

    >>> from tsreward.sequences.windows import WindowSet
    >>> wave = torch.sin(0.3 * torch.arange(200.0))[:, None]
    >>> scorer = RidgeVAR(window=3, options=RidgeVAROptions(ridge=1e-3)).fit(WindowSet.from_episodes([wave], window=3))
    >>> smooth, broken = scorer(torch.stack([wave[50:53], wave[[50, 51, 60]]]))
    >>> bool(smooth < 1e-4 < 0.1 < broken)
    True
    """

    Options = RidgeVAROptions
    graph = True
    min_window = 2

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def build(self) -> None:
        self.register_buffer("weight", torch.zeros((self.window - 1) * self.dim, self.dim))
        self.register_buffer("bias", torch.zeros(self.dim))
        self.register_buffer("scale", torch.ones(self.dim))

    def learn_batches(self, batches: Iterator[Tensor], number: int) -> None:
        mean, covariance = mean_and_covariance(batch.flatten(1) for batch in batches)
        fit = ridge_from_moments(mean, covariance, self.dim, self.options.ridge / number)
        self.weight.copy_(fit.weight)
        self.bias.copy_(fit.bias)
        if self.options.scale_residuals:
            self.scale.copy_(fit.residual_variance.sqrt().clamp_min(self.options.residual_floor))

    def measure(self, windows: Tensor) -> Tensor:
        return self._squares(windows).mean(1)

    def parts(self, windows: Tensor) -> Tensor:
        return self._squares(windows) / self.dim

    def _squares(self, windows: Tensor) -> Tensor:
        """Return the squared errors [B, D] of the last step."""
        predicted = row_product(windows[:, :-1].flatten(1), self.weight) + self.bias
        return ((windows[:, -1] - predicted) / self.scale).square()
