"""`DataProfile`: ranges and quantiles of the observations and rewards that a model was fitted on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

LEVELS = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)
"""Levels of the quantiles that are kept."""
_ROWS = 20_000
"""Most rows that quantiles are taken from."""
_PICTURES = 2_000
"""Most pictures."""


class DataProfile(nn.Module):
    """What the columns of normal observations were like, in their own units, and what |reward| was.

    The columns of a picture are the mean brightness of each channel and, behind these, its standard deviation.

    Args:
        size: number of columns C.
    """

    count: Tensor
    quantiles: Tensor
    mean: Tensor
    std: Tensor
    reward: Tensor
    reward_mean: Tensor

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self._materialise(size)

    def _materialise(self, size: int) -> None:
        double = torch.float64
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        """Observations that were seen; 0 where nothing is known."""
        self.register_buffer("quantiles", torch.zeros(len(LEVELS), size, dtype=double))
        """[LEVELS, C]; the first and the last are the range."""
        self.register_buffer("mean", torch.zeros(size, dtype=double))
        self.register_buffer("std", torch.zeros(size, dtype=double))
        self.register_buffer("reward", torch.zeros(len(LEVELS), dtype=double))
        """[LEVELS] of |reward|; zeros where no rewards were given."""
        self.register_buffer("reward_mean", torch.zeros((), dtype=double))

    @property
    def size(self) -> int:
        """Number of columns C."""
        return self.quantiles.shape[1]

    def fit(self, obs: Tensor, rewards: Tensor | np.ndarray | None = None) -> DataProfile:
        """Learn from normal observations [N, *obs] and rewards of any shape, and return the profile."""
        most = _ROWS if obs.ndim == 2 else _PICTURES
        rows = np.unique(np.linspace(0, len(obs) - 1, min(len(obs), most)).astype(int))
        values = columns_of(obs[torch.from_numpy(rows)])
        self._materialise(values.shape[1])
        quantiles = np.quantile(values, LEVELS, axis=0)
        if obs.ndim == 2:  # the range is that of all rows
            quantiles[0] = obs.amin(0).double().numpy()
            quantiles[-1] = obs.amax(0).double().numpy()
        self.quantiles.copy_(torch.from_numpy(quantiles))
        self.mean.copy_(torch.from_numpy(values.mean(0)))
        self.std.copy_(torch.from_numpy(values.std(0)))
        self.count.fill_(len(obs))
        if rewards is not None:
            size = np.abs(np.asarray(rewards, np.float64)).ravel()
            self.reward.copy_(torch.from_numpy(np.quantile(size, LEVELS)))
            self.reward_mean.fill_(float(size.mean()))
        return self

    def names(self, given: tuple[str, ...] | None, pictures: bool = False) -> list[str]:
        """Return what the columns are called; `given` are the names of a vector's where it has some."""
        if given is not None and len(given) == self.size:
            return [f"'{name}'" for name in given]
        if not pictures:
            return [f"column {index}" for index in range(self.size)]
        channels = self.size // 2
        colours = (
            [" of red", " of green", " of blue"] if channels == 3 else [f" of channel {c}" for c in range(channels)]
        )
        colours = [""] if channels == 1 else colours
        return [f"{measure}{colour}" for measure in ("brightness", "contrast") for colour in colours]


def columns_of(obs: Tensor) -> np.ndarray:
    """Return the columns [B, C] in float64 of observations [B, *obs].

    >>> columns_of(torch.full((1, 1, 8, 8), 6, dtype=torch.uint8)).tolist()  # one channel, first
    [[6.0, 0.0]]
    """
    if obs.ndim == 2:
        return obs.double().numpy()
    channels_last = obs.ndim == 4 and obs.shape[-1] <= 4
    channels_first = obs.ndim == 4 and not channels_last and obs.shape[1] <= 16
    pixels = obs.double()
    if channels_last:
        pixels = pixels.flatten(1, 2)
    elif channels_first:
        pixels = pixels.flatten(2).transpose(1, 2)
    else:
        pixels = pixels.flatten(1)[..., None]
    return torch.cat([pixels.mean(1), pixels.std(1, correction=0)], 1).numpy()
