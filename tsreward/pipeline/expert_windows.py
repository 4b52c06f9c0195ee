"""`ExpertWindows`: how near an agent comes to an expert, by a measure that no reward has any part in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from tsreward.encoders.base import Identity
from tsreward.errors import DataError
from tsreward.functional.seeding import generator
from tsreward.pipeline.model import RewardModel

_BANK = 512
"""Windows of the expert that are remembered, and as many that are held out."""
_LOOKED_AT = 64
"""Windows of an episode that are compared with them, and as many of the best-paid ones."""
_PAID = 0.1
"""Fraction of steps that counts as best paid."""
_BEYOND = 0.1
"""Fraction of the expert's range by which a feature may lie beyond it."""
_LEAST = 0.01
"""Least standard deviation of a feature, as a fraction of the median one."""
_NEAR = 0.05
"""Standard deviations of every feature and step within which windows are the same: an expert that stands perfectly
still is at no distance from itself."""
_ROWS = 20_000
"""Steps of the expert that are looked at, whole episodes."""
_FRAMES = 2_000
"""As many where an encoder does more than pass them on."""


class Nearness(NamedTuple):
    """An episode of an agent beside an expert."""

    distance: float
    """Median distance of its windows to the nearest one of the expert, in that of held-out windows of the expert (at
    least what a difference of 0.05 standard deviations in every number makes)."""
    paid_auc: float
    """ROC AUC of that distance between held-out windows of the expert and the best-paid tenth of its steps: 0.5 where
    these are as near to the expert as the expert is to itself, 1 where they all lie farther away."""
    motion: float
    """How far features move in a step on average, as a fraction of how far they do in the expert's episodes."""
    outside_rate: float
    """Fraction of steps in which some feature lies a tenth of the expert's range beyond that range."""


@dataclass(frozen=True, eq=False)
class ExpertWindows:
    """Windows of an expert that others are compared with by Euclidean distance, in standard deviations of a feature.

    Half of the episodes are remembered; the others are held out and say how near an expert comes to an expert.

    >>> draw = torch.Generator().manual_seed(0)
    >>> expert = ExpertWindows.of([torch.randn(50, 2, generator=draw) for _ in range(4)], window=2)
    >>> like, other = torch.randn(50, 2, generator=draw), 5 + torch.zeros(50, 2)
    >>> expert.compare(like, np.ones(50)).distance < 1.5 < 5 < expert.compare(other, np.ones(50)).distance
    True
    >>> expert.compare(other, np.ones(50))[1:]
    (1.0, 0.0, 1.0)
    """

    window: int
    frame_skip: int
    mean: Tensor
    """[D] of the features."""
    std: Tensor
    low: Tensor
    """[D], the range of the features."""
    high: Tensor
    bank: Tensor
    """[N, K · D] standardised windows that are remembered."""
    distances: Tensor
    """[M] of held-out windows to the nearest one of the bank, in order."""
    moves: float
    """How far standardised features move in a step, on average."""

    @classmethod
    def of(cls, episodes: Sequence[Tensor], window: int, frame_skip: int = 1, seed: int = 0) -> Self:
        """Return windows of an expert's episodes, features [T, D] each; a single episode is cut into halves.

        Raises:
            DataError: less than four steps.
        """
        if sum(map(len, episodes)) < 4:
            raise DataError("Comparing with an expert takes four steps of its episodes or more.")
        if len(episodes) == 1:
            middle = len(episodes[0]) // 2
            episodes = [episodes[0][:middle], episodes[0][middle:]]
        draw = generator(seed)
        order = torch.randperm(len(episodes), generator=draw).tolist()
        kept = [0, *np.cumsum([len(episodes[at]) for at in order])[:-1]]
        chosen = [episodes[at].float() for at, before in zip(order, kept, strict=True) if before < _ROWS]
        if len(chosen) == 1:
            chosen = [episodes[at].float() for at in order[:2]]
        steps = torch.cat(chosen)
        std = steps.std(0)
        moving = std[std > 0]
        std = std.clamp(min=max(1e-6, _LEAST * float(moving.median()) if len(moving) else 1.0))
        mean, low, high = steps.mean(0), steps.amin(0), steps.amax(0)
        windows = [_windows((one - mean) / std, window, frame_skip) for one in chosen]
        middle = len(windows) // 2
        bank, held = (_some(torch.cat(part), draw) for part in (windows[middle:], windows[:middle]))
        moves = torch.cat([((one[1:] - one[:-1]).abs() / std).mean(1) for one in chosen])
        distances = torch.cdist(held, bank).amin(1).sort().values
        return cls(window, frame_skip, mean, std, low, high, bank, distances, float(moves.mean()))

    @classmethod
    def seen_by(cls, model: RewardModel, episodes: Sequence[np.ndarray | Tensor], seed: int = 0) -> Self:
        """Return windows of an expert's episodes, observations [T, *obs] each, as features of a fitted model.

        Raises:
            ShapeError: observations of another shape than the model's.
            DataError: NaN or inf in them, or too few.
        """
        obs = list(episodes)
        if not isinstance(model.encoder, Identity):
            ends = np.cumsum([len(one) for one in obs])
            obs = obs[: max(2, int(np.searchsorted(ends, _FRAMES, side="right")))]
        features = model.features(obs).store.cpu().split([len(one) for one in obs])
        return cls.of(features, model.window, model.frame_skip, seed)

    def compare(self, features: Tensor, paid: np.ndarray) -> Nearness:
        """Compare an episode, features [T, D] of the steps it arrived at, that earned `paid` [T]."""
        features = features.float()
        windows = _windows((features - self.mean) / self.std, self.window, self.frame_skip)
        everywhere = _evenly(np.arange(len(windows)), _LOOKED_AT)
        best = _evenly(np.flatnonzero(paid >= np.quantile(paid, 1 - _PAID)), _LOOKED_AT)
        nearest = torch.cdist(windows[np.concatenate([everywhere, best])], self.bank).amin(1)
        own, top = nearest[: len(everywhere)], nearest[len(everywhere) :]
        usual = max(float(self.distances.median()), _NEAR * math.sqrt(self.bank.shape[1]))
        below = torch.searchsorted(self.distances, top) + torch.searchsorted(self.distances, top, right=True)
        slack = _BEYOND * (self.high - self.low)
        outside = ((features < self.low - slack) | (features > self.high + slack)).any(1)
        moved = ((features[1:] - features[:-1]).abs() / self.std).mean(1)
        return Nearness(
            float(own.median()) / usual,
            float(below.double().mean()) / (2 * len(self.distances)),
            float(moved.mean()) / max(self.moves, 1e-9) if len(moved) else 0.0,
            float(outside.double().mean()),
        )

    def to_arrays(self) -> dict[str, Any]:
        """Return all of it as arrays and numbers by name, for `of_arrays`."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value.numpy() if isinstance(value, Tensor) else value for name, value in values.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Return what `to_arrays` of another one gave."""
        values: dict[str, Any] = {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in arrays.items()
        }
        return cls(**values)


def _windows(steps: Tensor, window: int, frame_skip: int) -> Tensor:
    """Return [T, K · D], the window that ends at every step; short history repeats the first one."""
    reach = torch.arange(window - 1, -1, -1) * frame_skip
    return steps[(torch.arange(len(steps))[:, None] - reach).clamp(min=0)].flatten(1)


def _some(rows: Tensor, draw: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=draw)[:_BANK]]


def _evenly(places: np.ndarray, number: int) -> np.ndarray:
    return places[np.unique(np.linspace(0, len(places) - 1, min(len(places), number)).round().astype(int))]
