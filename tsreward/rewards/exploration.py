"""Bonus for what is new to the agent, added to a learned reward."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from tsreward.seeding import seeded


class ExplorationBonus(nn.Module, ABC):
    """Weighted novelty of windows: `forward` asks, `update` learns."""

    weight: float

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """Return weight · novelty [B] of feature windows [B, K, D], in float64."""

    @abstractmethod
    def update(self, windows: Tensor) -> None:
        """Learn that these windows [B, K, D] have been seen."""


class RandomNetworkDistillation(ExplorationBonus):
    """How badly a trained network predicts a fixed random one (Burda et al. 2019), in units of its running mean."""

    level: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, window: int, dim: int, weight: float = 0.1, hidden: int = 128, seed: int = 0) -> None:
        super().__init__()
        self.weight = weight
        with seeded(seed):
            self.target = _network(window * dim, hidden).requires_grad_(False)
            self.predictor = _network(window * dim, hidden)
        self.register_buffer("level", torch.tensor(1.0))
        self.register_buffer("mean", torch.zeros(window * dim))
        self.register_buffer("variance", torch.ones(window * dim))
        self._optimiser = torch.optim.Adam(self.predictor.parameters(), lr=1e-3)

    @torch.no_grad()
    def forward(self, windows: Tensor) -> Tensor:
        return self.weight * (self._error(windows) / self.level).double()

    def update(self, windows: Tensor) -> None:
        flat = windows.flatten(1)
        self.mean.lerp_(flat.mean(0), 0.01)
        self.variance.lerp_(flat.var(0, correction=0), 0.01)
        loss = self._error(windows).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self.level.lerp_(loss.detach(), 0.01)

    def _error(self, windows: Tensor) -> Tensor:
        scaled = ((windows.flatten(1) - self.mean) / self.variance.clamp_min(1e-6).sqrt()).clamp(-5, 5)
        return (self.predictor(scaled) - self.target(scaled)).square().mean(-1)


def _network(inputs: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 32))
