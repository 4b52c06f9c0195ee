"""What every scorer is: windows `[B, K, D]` in, scores `[B]` out, higher is stranger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.functional.moments import standardise
from tsreward.seeding import seeded
from tsreward.training import Report, TrainOptions
from tsreward.windows import WindowSet


@dataclass(frozen=True)
class ScorerOptions:
    """Options that all scorers share: how the inputs are standardised with the moments of normal data."""

    std_floor: float = 0.01
    """Smallest standard deviation of a column, so that a constant column does not explode."""
    clip: float | None = 10.0
    """Standardised values are limited to ± this; None leaves them."""


class Scorer(nn.Module, ABC):
    """A normality model over windows. Subclasses write `build`, `learn` and `measure`.

    The constructor fixes every state shape; `fit` starts from freshly seeded weights; `forward` changes nothing.
    """

    mean: Tensor
    std: Tensor
    fitted: Tensor

    def __init__(self, window: int, dim: int, options: ScorerOptions) -> None:
        super().__init__()
        if window < 1 or dim < 1:
            raise OptionError(f"{type(self).__name__} needs window >= 1 and dim >= 1, got {window} and {dim}.")
        self.window, self.dim, self.options = window, dim, options
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.register_buffer("fitted", torch.tensor(False))
        with seeded(0):
            self.build()
        self.eval()

    @abstractmethod
    def build(self) -> None:
        """Create the modules and buffers, with fresh weights from torch's generator."""

    @abstractmethod
    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        """Learn from standardised windows, each given as (training part, held-out part)."""

    @abstractmethod
    def measure(self, windows: Tensor) -> Tensor:
        """Return scores [B] of standardised windows [B, K, D]."""

    def fit(
        self,
        normal: WindowSet,
        negative: WindowSet | None = None,
        options: TrainOptions = TrainOptions(),  # noqa: B008 - frozen
        report: Report | None = None,
    ) -> None:
        """Learn what is normal; `negative` are known bad windows for the scorers that can use them.

        Raises:
            DataError: no normal windows, or too few episodes to hold some out.
            ShapeError: windows of another length or width than this scorer's.
        """
        self._check_set(normal, "normal")
        if negative is not None:
            self._check_set(negative, "negative")
        parts = normal.split(options.held_out, options.seed)
        rows = parts[0].store[_used_rows(parts[0])].double()
        with seeded(options.seed):
            self.build()
        self.to("cpu")
        self.mean.copy_(rows.mean(0))
        self.std.copy_(rows.std(0, correction=0).clamp_min(self.options.std_floor))
        negative_parts = None if negative is None else _split_or_share(negative, options)
        self.learn(
            (parts[0].map(self._standardise), parts[1].map(self._standardise)),
            negative_parts and (negative_parts[0].map(self._standardise), negative_parts[1].map(self._standardise)),
            options,
            report,
        )
        self.fitted.fill_(True)
        self.eval()

    def forward(self, windows: Tensor) -> Tensor:
        """Return one score per window: [B, K, D] -> [B], float32. Rows do not see each other.

        Raises:
            NotFittedError: before `fit` or loading.
            ShapeError: windows of another shape.
            DataError: NaN or inf in a window or in its score.
        """
        if windows.ndim != 3 or windows.shape[1:] != (self.window, self.dim):
            raise ShapeError(
                f"{type(self).__name__} expects windows [B, {self.window}, {self.dim}], got {list(windows.shape)}."
            )
        if not self.fitted:
            raise NotFittedError(f"{type(self).__name__} is not fitted: call fit(windows) or load a model first.")
        scores = self.measure(self._standardise(windows.to(torch.float32)))
        # The sum of finite numbers this small is finite, so one sum sees every NaN and inf of windows and scores.
        if not torch.isfinite(windows.sum() + scores.sum()):
            bad = (~torch.isfinite(windows.flatten(1)).all(1) | ~torch.isfinite(scores)).nonzero().flatten().tolist()
            raise DataError(f"{type(self).__name__} got NaN or inf in window(s) {bad[:5]}: clean the observations.")
        return scores

    def _standardise(self, rows: Tensor) -> Tensor:
        return standardise(rows, self.mean, self.std, self.options.clip)

    def _check_set(self, windows: WindowSet, kind: str) -> None:
        name = type(self).__name__
        if len(windows) == 0:
            raise DataError(f"{name}.fit got no {kind} windows: nothing to learn from. Collect more {kind} data.")
        if windows.window != self.window or windows.store.shape[1:] != (self.dim,):
            raise ShapeError(
                f"{name} expects {kind} windows [B, {self.window}, {self.dim}], got "
                f"[B, {windows.window}, {', '.join(map(str, windows.store.shape[1:]))}]."
            )


def _used_rows(windows: WindowSet) -> Tensor:
    """Return the rows of the store that end a window: the data the moments are taken from."""
    return windows.last


def _split_or_share(negative: WindowSet, options: TrainOptions) -> tuple[WindowSet, WindowSet]:
    """Split bad windows by episode; a handful from one episode serves both purposes."""
    if negative.episodes > 1:
        return negative.split(options.held_out, options.seed)
    return negative, negative
