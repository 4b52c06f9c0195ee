"""Scorers that minimise a loss by gradient descent, and can go on with it on new windows."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from tsreward.scorers.base import OptionsT, Scorer
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train


class GradientScorer(Scorer[OptionsT]):
    """A scorer with a loss on normal and negative windows. Subclasses write `build`, `objective` and `measure`.

    `fit` minimises the loss over given windows; `tsreward.ActiveLearner` goes on with windows that come later.
    """

    uses_negative = True
    uses_held_out = True

    @abstractmethod
    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        """Return the loss, a scalar, of standardised normal windows [B, K, D] and negative ones [B', K, D]."""

    def before_fit(self, normal: WindowSet) -> None:
        """Compute what `objective` needs of standardised normal windows, as a centre; change nothing when fitted."""

    def after_fit(self, normal: WindowSet) -> None:
        """Compute what the score needs beside the weights of standardised normal windows, as a covariance."""

    def begin(self, normal: WindowSet, seed: int = 0) -> None:
        """Be fitted without any training: fresh weights, and what else `fit` takes from normal windows.

        Raises:
            DataError: no normal windows.
            ShapeError: windows of another length K than this scorer's.
        """
        self._check_set(normal, "normal")
        normal = normal.to("cpu")
        self._renew(normal, seed)
        standardised = normal.map(self.standardise)
        self.before_fit(standardised)
        self.after_fit(standardised)
        self.fitted.fill_(True)
        self.eval()

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        self.before_fit(normal[0])
        train(self, self.objective, normal, negative, options, report)
        self.after_fit(normal[0])
