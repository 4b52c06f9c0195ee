"""Forecaster: how badly the last step of a window is predicted from the steps before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tsreward.functional.losses import gaussian_nll_parts
from tsreward.functional.tensors import FlatRows
from tsreward.options import option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train

_LOG_STD_LIMIT = 3.0


@dataclass(frozen=True)
class ForecasterOptions(ScorerOptions):
    """Options of `Forecaster`."""

    network: Literal["gru", "mlp"] = option("gru", search=("gru", "mlp"))
    hidden: int = 64
    loss: Literal["nll", "mse"] = option("nll", search=("nll", "mse"))
    """Gaussian negative log-likelihood with a learned standard deviation per column, or mean squared error."""


@SCORERS.register("forecaster")
class Forecaster(Scorer[ForecasterOptions]):
    """Error of predicting the last step from the K − 1 before it; the network predicts the change of the last known.

    The predicted standard deviation of a standardised column stays within e^±3, so that no column can dominate.

    >>> Forecaster(window=1)
    Traceback (most recent call last):
    tsreward.errors.OptionError: Forecaster needs window >= 2, got 1.
    """

    Options = ForecasterOptions
    graph = True
    uses_negative = False
    uses_held_out = True
    min_window = 2

    def build(self) -> None:
        hidden = self.options.hidden
        if self.options.network == "gru":
            self.past = nn.GRU(self.dim, hidden, batch_first=True)
        else:
            self.past = nn.Sequential(
                FlatRows(),
                nn.Linear((self.window - 1) * self.dim, hidden),
                nn.ReLU(),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
            )
        self.out = nn.Linear(hidden, self.dim * (2 if self.options.loss == "nll" else 1))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        def loss(normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
            return self.measure(normal).mean()

        train(self, loss, normal, None, options, report)

    def measure(self, windows: Tensor) -> Tensor:
        return self._errors(windows).mean(1)

    def parts(self, windows: Tensor) -> Tensor:
        return self._errors(windows) / self.dim

    def _errors(self, windows: Tensor) -> Tensor:
        """Return the error [B, D] of each column."""
        past, target = windows[:, :-1], windows[:, -1]
        features = self.past(past)[0][:, -1] if self.options.network == "gru" else self.past(past)
        answer = self.out(features)
        mean = past[:, -1] + answer[:, : self.dim]
        if self.options.loss == "mse":
            return (target - mean).square()
        log_std = _LOG_STD_LIMIT * torch.tanh(answer[:, self.dim :] / _LOG_STD_LIMIT)
        return gaussian_nll_parts(target, mean, log_std)
