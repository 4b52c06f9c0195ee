"""What the scorers share that learn a loss by gradient, and can go on learning it."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from tsreward.scorers.base import OptionsT, Scorer
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions, train


class GradientScorer(Scorer[OptionsT]):
    """A scorer with a loss on normal and bad windows. Subclasses write `build`, `objective` and `measure`.

    `fit` minimises the loss over given windows; `tsreward.ActiveLearner` goes on with windows that come later.
    """

    uses_negative = True
    uses_held_out = True

    @abstractmethod
    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        """Return the loss, one number, of standardised windows [B, K, D] and bad ones [B', K, D]."""

    def before_fit(self, normal: WindowSet) -> None:
        """Fix what `objective` must know beforehand of standardised normal windows; what is fitted stays."""

    def after_fit(self, normal: WindowSet) -> None:
        """Fix what the score must know afterwards of standardised normal windows: what follows from the weights."""

    def standardise(self, rows: Tensor) -> Tensor:
        """Return rows [..., D] as `objective` takes them."""
        return self._standardise(rows)

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
