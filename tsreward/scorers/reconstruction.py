"""Scorers by reconstruction: the error of a window, and the loss with and without negative windows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor

from tsreward.functional.losses import hinge, inverse
from tsreward.functional.moments import (
    mahalanobis_parts,
    mean_and_covariance,
    precision_factor,
    squared_mahalanobis,
)
from tsreward.options import Range, option
from tsreward.scorers.base import ScorerOptions
from tsreward.scorers.gradient import GradientScorer
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class ReconstructionOptions(ScorerOptions):
    """Options of all reconstructing scorers."""

    error: Literal["window", "last"] = "window"
    """Average the error over the whole window, or take that of its last step."""
    norm: Literal["l1", "l2"] = "l1"
    """Mean absolute or mean squared error of the standardised columns."""
    distance: Literal["mean", "mahalanobis"] = option("mean", search=("mean", "mahalanobis"))
    """Score: the mean error of the columns, or the squared Mahalanobis distance of a step's error to the errors on
    normal windows, per column (Malhotra et al. 2016, arXiv 1607.00148). The training loss is the mean error."""
    shrinkage: float = option(0.03, high=1)
    """Fraction of the identity in the covariance of the Mahalanobis distance."""
    negative_loss: Literal["hinge", "inverse"] = "hinge"
    """L_anom of negative windows: max(0, margin − error), or 1 / error as in Deep SAD."""
    negative_weight: float = option(1.0, search=Range(0.1, 10.0, log=True), negative=True)
    """λ in L_norm + λ · L_anom."""
    margin: float = 1.0
    """Error that the hinge asks of negative windows, in units of the error of predicting the mean of normal windows. At
    1, negative windows should be reconstructed no better than that."""


ReconstructionT = TypeVar("ReconstructionT", bound=ReconstructionOptions)


class Reconstruction(GradientScorer[ReconstructionT]):
    """A scorer whose score is how badly it reconstructs a window. Subclasses write `build` and `reconstruct`."""

    error_mean: Tensor
    error_factor: Tensor
    _unit = 1.0
    """Mean error of answering with the mean of normal windows."""

    def build(self) -> None:
        self.register_buffer("error_mean", torch.zeros(self.dim))
        self.register_buffer("error_factor", torch.eye(self.dim))

    @abstractmethod
    def reconstruct(self, windows: Tensor, noise: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the reconstruction [B, K, D] and an extra loss per window [B] or None.

        Training gives `noise`, to draw from; a score has none and is deterministic.
        """

    def measure(self, windows: Tensor) -> Tensor:
        reconstruction = self.reconstruct(windows)[0]
        if self.options.distance == "mean":
            return self._error(windows, reconstruction)
        errors = self._scored(windows - reconstruction)
        squared = squared_mahalanobis(errors.flatten(0, 1), self.error_mean, self.error_factor)
        return squared.unflatten(0, errors.shape[:2]).mean(1) / self.dim

    def parts(self, windows: Tensor) -> Tensor:
        errors = self._scored(windows - self.reconstruct(windows)[0])
        if self.options.distance == "mean":
            return self._sizes(errors).mean(1) / self.dim
        terms = mahalanobis_parts(errors.flatten(0, 1), self.error_mean, self.error_factor)
        return terms.unflatten(0, errors.shape[:2]).mean(1) / self.dim

    def before_fit(self, normal: WindowSet) -> None:
        steps = normal.store[normal.last, None]  # their mean is zero, standardised
        self._unit = max(float(self._error(steps, torch.zeros_like(steps)).mean()), 1e-6)

    def objective(self, normal: Tensor, negative: Tensor | None, noise: torch.Generator) -> Tensor:
        reconstruction, extra = self.reconstruct(normal, noise)
        value = (self._error(normal, reconstruction) / self._unit).mean()
        if extra is not None:
            value = value + extra.mean()
        if negative is None:
            return value
        error = self._error(negative, self.reconstruct(negative)[0]) / self._unit
        far = hinge(error, self.options.margin) if self.options.negative_loss == "hinge" else inverse(error)
        return value + self.options.negative_weight * far

    def after_fit(self, normal: WindowSet) -> None:
        if self.options.distance == "mahalanobis":
            mean, covariance = mean_and_covariance(self._errors(normal))
            self.error_mean.copy_(mean)
            self.error_factor.copy_(precision_factor(covariance, self.options.shrinkage))

    def _scored(self, steps: Tensor) -> Tensor:
        """Return the steps [B, ?, D] that are scored."""
        return steps[:, -1:] if self.options.error == "last" else steps

    @torch.no_grad()
    def _errors(self, windows: WindowSet) -> Iterator[Tensor]:
        """Yield the errors [?, D] of the steps that are scored."""
        for batch in windows.to(self.error_mean.device).batches(1024):
            yield self._scored(batch - self.reconstruct(batch)[0]).flatten(0, 1).cpu()

    def _error(self, windows: Tensor, reconstruction: Tensor) -> Tensor:
        return self._sizes(self._scored(windows - reconstruction)).mean((1, 2))

    def _sizes(self, errors: Tensor) -> Tensor:
        return errors.abs() if self.options.norm == "l1" else errors.square()
