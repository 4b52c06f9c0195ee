"""Bonuses for what is new to the agent, added to a learned reward."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from tsreward.errors import OptionError
from tsreward.functional.seeding import seeded
from tsreward.functional.tensors import ReadOnce


class ExplorationBonus(nn.Module, ABC):
    """Weighted novelty of windows: `forward` asks, `update` learns.

    Windows come standardised by the model's scorer, so that units and offsets of the observations do not matter.
    """

    weight: float

    @property
    def optimiser(self) -> torch.optim.Optimizer | None:
        """What `update` steps, for checkpoints, which keep its state and that of the module."""
        return getattr(self, "_optimiser", None)

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """Return weight · novelty [B] of standardised windows [B, K, D], in float64."""

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


_RATE = 0.01
"""Fraction of the newest batch in the running means."""


class EnsembleDisagreement(ExplorationBonus):
    """Variance over `nets` small networks that predict a window's last step from those before (Pathak et al. 2019).

    It is the mean over the features, standardised with running moments, in units of its own running mean. As Escontrela
    et al. 2023 (VIPER) use it: unlike the error of a prediction, it fades where the next step is chance that was seen
    often enough, for the networks then agree on its mean.

    Raises:
        OptionError: windows of one step, which have nothing to predict from, or fewer than two networks.

    >>> bonus = EnsembleDisagreement(window=3, dim=2, weight=0.5)
    >>> bonus.update(torch.randn(64, 3, 2, generator=torch.Generator().manual_seed(0)))
    >>> bonus(torch.zeros(4, 3, 2)).shape
    torch.Size([4])
    """

    level: Tensor
    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(
        self, window: int, dim: int, weight: float = 0.1, hidden: int = 64, nets: int = 5, seed: int = 0
    ) -> None:
        super().__init__()
        if window < 2 or nets < 2:
            raise OptionError(f"EnsembleDisagreement needs window >= 2 and nets >= 2, got {window} and {nets}.")
        self.weight = weight
        inputs = (window - 1) * dim
        with seeded(seed):
            self.into = nn.Parameter(_uniform(nets, inputs, hidden))
            self.bias = nn.Parameter(torch.zeros(nets, 1, hidden))
            self.out = nn.Parameter(_uniform(nets, hidden, dim))
            self.shift = nn.Parameter(torch.zeros(nets, 1, dim))
        self.register_buffer("level", torch.tensor(0.0))
        self.register_buffer("count", torch.tensor(0))
        self._known_count = ReadOnce()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.zeros(dim))
        self._optimiser = torch.optim.Adam(self.parameters(), lr=1e-3)

    @torch.no_grad()
    def forward(self, windows: Tensor) -> Tensor:
        unit = self.level / self._seen() if self._known_count(self.count) else torch.ones_like(self.level)
        return self.weight * (_spread(self._predict(self._scaled(windows))) / unit.clamp_min(1e-12)).double()

    def update(self, windows: Tensor) -> None:
        rows = windows.flatten(0, 1)
        self.count += 1
        self.mean.lerp_(rows.mean(0), _RATE)
        self.variance.lerp_((rows - self.mean / self._seen()).square().mean(0), _RATE)
        scaled = self._scaled(windows)
        predictions = self._predict(scaled)
        loss = (predictions - scaled[:, -1]).square().mean((1, 2)).sum()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self.level.lerp_(_spread(predictions.detach()).mean(), _RATE)

    def _seen(self) -> float:
        """Return the weight of all batches in the running means, which begin at zero."""
        return 1 - (1 - _RATE) ** self._known_count(self.count)

    def _scaled(self, windows: Tensor) -> Tensor:
        if not self._known_count(self.count):
            return windows.clamp(-5, 5)
        std = (self.variance / self._seen()).clamp_min(1e-6).sqrt()
        return ((windows - self.mean / self._seen()) / std).clamp(-5, 5)

    def _predict(self, scaled: Tensor) -> Tensor:
        """Return the predicted last steps [nets, B, D]."""
        hidden = torch.relu(scaled[:, :-1].flatten(1) @ self.into + self.bias)
        return hidden @ self.out + self.shift


def _spread(predictions: Tensor) -> Tensor:
    """Return the variance over networks [B] of predictions [nets, B, D], mean over the features."""
    # In two passes: Tensor.var over another dimension than the last takes thirty times as long.
    return (predictions - predictions.mean(0)).square().mean((0, -1))


def _uniform(nets: int, inputs: int, outputs: int) -> Tensor:
    """Return weights [nets, inputs, outputs] drawn as those of `torch.nn.Linear`."""
    return (2 * torch.rand(nets, inputs, outputs) - 1) / math.sqrt(inputs)
