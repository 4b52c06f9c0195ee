"""Lidar that does not turn with the robot: the bins of each ring in descending order."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tsreward.encoders.base import ENCODERS, Encoder, EncoderOptions
from tsreward.errors import OptionError
from tsreward.functional.tensors import as_real
from tsreward.options import option


@dataclass(frozen=True)
class SortedLidarOptions(EncoderOptions):
    """Options of `SortedLidar`."""

    groups: tuple[tuple[int, int], ...] = option((), low=0)
    """(first, past-the-last) column of every lidar ring in the observation."""


@ENCODERS.register("sorted_lidar")
class SortedLidar(Encoder):
    """Sort every lidar ring, nearest first; the other columns stay.

    How near something is then reads the same from every heading, which is what a cost depends on.

    >>> import torch
    >>> SortedLidar((4,), SortedLidarOptions(groups=((1, 4),)))(torch.tensor([[9.0, 0.0, 0.5, 0.2]]))
    tensor([[9.0000, 0.5000, 0.2000, 0.0000]])
    """

    Options = SortedLidarOptions
    graph = True
    options: SortedLidarOptions

    def __init__(self, obs_shape: tuple[int, ...], options: SortedLidarOptions = SortedLidarOptions()) -> None:
        super().__init__(obs_shape, options)
        if len(self.obs_shape) != 1:
            raise OptionError(f"SortedLidar needs flat observations (D,), got {self.obs_shape}.")
        self.dim = self.obs_shape[0]
        for first, past in options.groups:
            if not 0 <= first < past <= self.dim:
                raise OptionError(
                    f"SortedLidar group ({first}, {past}) lies outside an observation of {self.dim} columns."
                )

    def encode(self, obs: Tensor) -> Tensor:
        features = as_real(obs).clone()
        for first, past in self.options.groups:
            features[:, first:past] = features[:, first:past].sort(1, descending=True).values
        return features
