"""A scorer under test, with the data and the fitted copy that its checks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tsreward.probes import apart
from tsreward.scorers.base import Scorer
from tsreward.testing.worlds import all_windows, broken, waves
from tsreward.training import TrainOptions
from tsreward.windows import WindowSet

WINDOW, DIM = 4, 5
SHORT = TrainOptions(epochs=2, windows_per_epoch=512)


@dataclass
class ScorerCase:
    """What is made once and looked at by many checks."""

    scorer: type[Scorer] | Callable[[int, int], Scorer]
    seed: int
    learned_auc: float
    supervised_auc: float

    def make(self, window: int = WINDOW, dim: int = DIM) -> Scorer:
        """Return a new scorer that is not fitted."""
        if isinstance(self.scorer, type) and issubclass(self.scorer, Scorer):
            return self.scorer(window, dim, self.scorer.Options())
        return self.scorer(window, dim)  # type: ignore[arg-type,return-value] - a class of another kind fails its checks

    @cached_property
    def normal(self) -> WindowSet:
        """Windows to learn from."""
        return WindowSet.from_episodes(waves(self.seed), WINDOW)

    @cached_property
    def unseen(self) -> Tensor:
        """Normal windows [B, K, D] that no scorer learned from."""
        return all_windows(WindowSet.from_episodes(waves(self.seed + 1, episodes=4), WINDOW))

    @cached_property
    def none(self) -> WindowSet:
        """A set without windows."""
        return self.normal.where(torch.zeros(len(self.normal), dtype=torch.bool))

    @cached_property
    def fitted(self) -> Scorer:
        """A scorer that learned from `normal`."""
        return self.trained(TrainOptions(windows_per_epoch=None, epochs=15, seed=self.seed))

    def trained(self, options: TrainOptions, normal: WindowSet | None = None) -> Scorer:
        """Return a new scorer that learned with these options."""
        scorer = self.make()
        self.fit(scorer, self.normal if normal is None else normal, options)
        return scorer

    def fit(self, scorer: Scorer, normal: WindowSet, options: TrainOptions = SHORT) -> object:
        """Fit on normal windows, and return what fit returns.

        A scorer that cannot do without bad windows gets the normal ones with broken relations, and far away.
        """
        negative = None
        if scorer.needs_negative and len(normal):
            windows = all_windows(normal)
            negative = apart(torch.cat([broken(windows, 1), windows + 2, windows - 2]))
        return scorer.fit(normal, negative, options)  # type: ignore[func-returns-value]


def same_state(first: Scorer | dict[str, Tensor], second: Scorer | dict[str, Tensor]) -> bool:
    """Tell whether two scorers, or states, hold the same tensors to the bit."""
    states = [state if isinstance(state, dict) else state.state_dict() for state in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )
