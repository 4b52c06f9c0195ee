"""Sensors are features already."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsreward.encoders.base import Encoder, EncoderOptions


class Identity(Encoder):
    """Flatten the observation to float32.

    >>> Identity((2, 2))(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4])
    """

    Options = EncoderOptions

    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions = EncoderOptions()) -> None:  # noqa: B008
        super().__init__(obs_shape, options)
        self.dim = math.prod(self.obs_shape)

    def encode(self, obs: Tensor) -> Tensor:
        return obs.flatten(1).to(torch.float32)
