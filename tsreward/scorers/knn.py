"""Distance to the nearest normal windows: nothing is learned but what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsreward.errors import DataError
from tsreward.functional.seeding import generator
from tsreward.functional.windows import flat_steps
from tsreward.options import Range, option
from tsreward.scorers.base import SCORERS, Scorer, ScorerOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions


@dataclass(frozen=True)
class KNNOptions(ScorerOptions):
    """Options of `KNN`."""

    neighbours: int = option(5, search=Range(1, 50, log=True))
    distance: Literal["mean", "kth"] = "mean"
    """Mean distance to the nearest windows, or the distance to the last of them."""
    steps: Literal["last", "window"] = option("last", search=("last", "window"))
    """Compare the last step only, or the whole window."""
    bank_size: int = 2000
    """Normal windows that are remembered, drawn at random where there are more."""

    def check(self) -> None:
        if self.bank_size < self.neighbours:
            self.refuse("bank_size", f"at least neighbours={self.neighbours}")


@SCORERS.register("knn")
class KNN(Scorer[KNNOptions]):
    """Euclidean distance to the k nearest of at most `bank_size` normal windows (Ramaswamy et al. 2000).

    >>> from tsreward.sequences.windows import WindowSet
    >>> scorer = KNN(window=1, options=KNNOptions(neighbours=1))
    >>> scorer = scorer.fit(WindowSet.from_episodes([torch.tensor([[-1.0], [1.0]])], window=1))
    >>> scorer(torch.tensor([[[1.0]], [[4.0]]]))
    tensor([0., 3.])
    """

    Options = KNNOptions
    graph = True
    uses_negative = False
    uses_held_out = False

    bank: Tensor
    squared_norms: Tensor

    def build(self) -> None:
        columns = self.dim * (self.window if self.options.steps == "window" else 1)
        self.register_buffer("bank", torch.zeros(self.options.bank_size, columns))
        # An unused row is infinitely far away.
        self.register_buffer("squared_norms", torch.full((self.options.bank_size,), torch.inf))

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        windows = normal[0]
        if len(windows) < self.options.neighbours:
            raise DataError(
                f"KNN needs at least {self.options.neighbours} normal windows (neighbours={self.options.neighbours}), "
                f"got {len(windows)}: collect more or lower neighbours."
            )
        chosen = torch.randperm(len(windows), generator=generator(options.seed))[: self.options.bank_size]
        rows = flat_steps(windows.gather(chosen), self.options.steps)
        self.bank[: len(rows)] = rows
        self.squared_norms[: len(rows)] = rows.square().sum(1)

    def measure(self, windows: Tensor) -> Tensor:
        distances = self._squares(windows).sum(-1).sqrt()
        return distances.mean(1) if self.options.distance == "mean" else distances.max(1).values

    def parts(self, windows: Tensor) -> Tensor:
        squares = self._squares(windows)
        distances = squares.sum(-1)  # [B, neighbours], squared
        if self.options.distance == "kth":
            last = distances.argmax(1)
            squares, distances = (part[torch.arange(len(last)), last][:, None] for part in (squares, distances))
        terms = squares / distances.sqrt().clamp_min(1e-12)[..., None]
        return terms.mean(1).unflatten(1, (-1, self.dim)).sum(1)

    def _squares(self, windows: Tensor) -> Tensor:
        """Return the squared differences [B, neighbours, columns] from the nearest windows."""
        rows = flat_steps(windows, self.options.steps)
        # ‖x − b‖² less ‖x‖², which is the same for every b: one matrix product finds the neighbours...
        compared = torch.addmm(self.squared_norms, rows, self.bank.T, alpha=-2)
        nearest = compared.topk(self.options.neighbours, largest=False).indices
        # ...and their distances are taken directly, because that difference of squares is inexact near zero.
        return (rows[:, None] - self.bank[nearest]).square()
