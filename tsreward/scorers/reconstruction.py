"""What all reconstructing scorers share: the error of a window, and the loss with and without bad windows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor

from tsreward.functional.semi_supervised import hinge, inverse
from tsreward.scorers.base import Scorer, ScorerOptions
from tsreward.training import Report, TrainOptions, train
from tsreward.windows import WindowSet


@dataclass(frozen=True)
class ReconstructionOptions(ScorerOptions):
    """Options of all reconstructing scorers."""

    error: Literal["window", "last"] = "window"
    """Average the error over the whole window, or take that of its last step."""
    norm: Literal["l1", "l2"] = "l1"
    """Mean absolute or mean squared error of the standardised columns."""
    negative_loss: Literal["hinge", "inverse"] = "hinge"
    """L_anom for bad windows: max(0, margin − error), or 1 / error as in Deep SAD."""
    negative_weight: float = 1.0
    """λ in L_norm + λ · L_anom."""
    margin: float = 1.0
    """Error that the hinge asks of bad windows. One unit is the mean error on normal windows of a network that always
    answers with their mean, so 1 says: know no more about bad windows than nothing at all."""


ReconstructionT = TypeVar("ReconstructionT", bound=ReconstructionOptions)


class Reconstruction(Scorer[ReconstructionT]):
    """A scorer whose score is how badly it reconstructs a window. Subclasses write `build` and `reconstruct`."""

    uses_negative = True
    uses_held_out = True

    @abstractmethod
    def reconstruct(self, windows: Tensor, noise: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the reconstruction [B, K, D] and an extra loss per window [B] or None.

        Training gives `noise`, to draw from; a score has none and is deterministic.
        """

    def measure(self, windows: Tensor) -> Tensor:
        return self._error(windows, self.reconstruct(windows)[0])

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        unit = self._error_of_mean(normal[0])
        bad_loss = self._hinge if self.options.negative_loss == "hinge" else inverse

        def loss(good: Tensor, bad: Tensor | None, noise: torch.Generator) -> Tensor:
            reconstruction, extra = self.reconstruct(good, noise)
            value = (self._error(good, reconstruction) / unit).mean()
            if extra is not None:
                value = value + extra.mean()
            if bad is None:
                return value
            return value + self.options.negative_weight * bad_loss(self._error(bad, self.reconstruct(bad)[0]) / unit)

        train(self, loss, normal, negative, options, report)

    def _error(self, windows: Tensor, reconstruction: Tensor) -> Tensor:
        difference = windows - reconstruction
        if self.options.error == "last":
            difference = difference[:, -1:]
        difference = difference.abs() if self.options.norm == "l1" else difference.square()
        return difference.mean((1, 2))

    def _error_of_mean(self, windows: WindowSet) -> float:
        """Return the mean error of answering with the mean, which is zero once standardised."""
        steps = windows.store[windows.last, None]
        return max(float(self._error(steps, torch.zeros_like(steps)).mean()), 1e-6)

    def _hinge(self, error: Tensor) -> Tensor:
        return hinge(error, self.options.margin)
