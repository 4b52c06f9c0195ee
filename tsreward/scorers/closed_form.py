"""Scorers that follow from sums over the normal windows, and so from data that is read in parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import reduce
from typing import Self

from torch import Tensor

from tsreward.functional.moments import ColumnStatistics
from tsreward.scorers.base import OptionsT, Scorer
from tsreward.sequences.shards import Shards
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions

_BATCH = 4096


class ClosedForm(Scorer[OptionsT]):
    """A scorer that looks at each normal window once. Subclasses write `build`, `learn_batches` and `measure`."""

    uses_negative = False
    uses_held_out = False

    @abstractmethod
    def learn_batches(self, batches: Iterator[Tensor], number: int) -> None:
        """Learn from standardised windows [B, K, D] that come in batches, `number` in all."""

    def learn(
        self,
        normal: tuple[WindowSet, WindowSet],
        negative: tuple[WindowSet, WindowSet] | None,
        options: TrainOptions,
        report: Report | None,
    ) -> None:
        self.learn_batches(normal[0].batches(_BATCH), len(normal[0]))

    def fit_shards(self, normal: Shards, options: TrainOptions = TrainOptions()) -> Self:  # noqa: B008 - frozen
        """Learn from shards as `fit` does from all their windows at once, up to rounding; each is read twice.

        Raises:
            DataError: a shard without windows.
            ShapeError: windows of another length K than this scorer's, or shards of different D.
        """
        known, dim = [], None
        for shard in normal:
            dim = self._check_set(shard, "normal", dim)
            known.append(ColumnStatistics.of(shard.store[shard.last]))
        every = reduce(ColumnStatistics.merged, known)
        self._renew_for(every, options.seed)
        self.learn_batches(normal.map(lambda shard: shard.map(self.standardise)).batches(_BATCH), every.number)
        self.fitted.fill_(True)
        return self.to(options.device).eval()
