"""Small worlds that scorers and models are checked in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tsreward.detection.metrics import roc_auc
from tsreward.scorers.base import Scorer
from tsreward.sequences.probes import apart
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions


def waves(seed: int, episodes: int = 12, steps: int = 120, dim: int = 5) -> list[Tensor]:
    """Return episodes [T, D] of noisy mixtures of two oscillations with random phases; the mixture never changes."""
    draw = torch.Generator().manual_seed(seed)
    mixture = torch.randn(4, dim, generator=torch.Generator().manual_seed(99))
    time = torch.arange(steps)[:, None]
    result = []
    for _ in range(episodes):
        angles = torch.tensor([0.3, 0.17]) * time + 2 * torch.pi * torch.rand(2, generator=draw)
        oscillations = torch.cat([torch.sin(angles), torch.cos(angles)], 1)
        result.append(torch.tanh(oscillations @ mixture) + 0.05 * torch.randn(steps, dim, generator=draw))
    return result


def all_windows(windows: WindowSet) -> Tensor:
    """Return every window [B, K, D]."""
    return windows.gather(torch.arange(len(windows)))


def broken(windows: Tensor, seed: int) -> Tensor:
    """Return windows whose columns come from different windows: every column is normal, their relation is not."""
    draw = torch.Generator().manual_seed(seed)
    columns = [windows[torch.randperm(len(windows), generator=draw), :, column] for column in range(windows.shape[2])]
    return torch.stack(columns, 2)


def hazard(seed: int, window: int, episodes: int = 12, steps: int = 150, dim: int = 4) -> tuple[WindowSet, WindowSet]:
    """Return (normal, negative) windows of random walks in a box with a hidden disc that normal ones never touch.

    The disc lies well inside the range of the normal data, where nothing is hard to reconstruct or to predict.
    """
    draw = torch.Generator().manual_seed(seed)
    walks = []
    for _ in range(episodes):
        moves = 0.15 * torch.randn(steps, dim, generator=draw)
        moves[0] = 6 * torch.rand(dim, generator=draw)
        walks.append(((moves.cumsum(0) + 1) % 4 - 2).abs() - 1)  # reflected into [-1, 1]
    windows = WindowSet.from_episodes(walks, window)
    inside = (windows.store[:, :2] - 0.4).norm(dim=1) < 0.4
    return windows.where(~windows.any_step(inside)), windows.where(inside[windows.last])


def separation(normal: Tensor, anomalous: Tensor) -> float:
    """Return the ROC AUC of scores [N] of normal and [M] of anomalous windows."""
    labels = torch.cat([torch.zeros(len(normal)), torch.ones(len(anomalous))])
    return roc_auc(labels.numpy(), torch.cat([normal, anomalous]).cpu().numpy())


WINDOW, DIM = 4, 5
SHORT = TrainOptions(epochs=2, windows_per_epoch=512)


@dataclass
class ScorerCase:
    """What is made once and looked at by many checks."""

    scorer: type[Scorer] | Callable[[int], Scorer]
    seed: int
    learned_auc: float
    supervised_auc: float

    def make(self) -> Scorer:
        """Return a new scorer that is not fitted, and knows no number of features yet."""
        if isinstance(self.scorer, type) and issubclass(self.scorer, Scorer):
            return self.scorer(WINDOW, self.scorer.Options())
        return self.scorer(WINDOW)  # type: ignore[arg-type,return-value] - a class of another kind fails its checks

    def materialised(self) -> Scorer:
        """Return a new scorer with the weights of one that was never trained."""
        scorer = self.make()
        scorer.materialise(DIM)
        return scorer

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

        A scorer that needs negative windows gets the normal ones with broken relations, and moved far away.
        """
        negative = None
        if scorer.needs_negative and len(normal):
            windows = all_windows(normal)
            negative = apart(torch.cat([broken(windows, 1), windows + 2, windows - 2]))
        return scorer.fit(normal, negative, options)


def same_state(first: Scorer | dict[str, Tensor], second: Scorer | dict[str, Tensor]) -> bool:
    """Tell whether two scorers, or states, hold bit-identical tensors."""
    states = [state if isinstance(state, dict) else state.state_dict() for state in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )
