"""What every encoder is, and the identity for observations that are features already."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import OptionError, ShapeError


@dataclass(frozen=True)
class EncoderOptions:
    """Options of an encoder; the base has none."""


class Encoder(nn.Module, ABC):
    """Maps single observations to feature vectors; `dim` is their width D."""

    Options: ClassVar[type[EncoderOptions]]
    dim: int

    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions) -> None:
        super().__init__()
        if not obs_shape or min(obs_shape) < 1:
            raise OptionError(f"{type(self).__name__} needs an observation shape like (12,), got {tuple(obs_shape)}.")
        self.obs_shape, self.options = tuple(obs_shape), options

    @abstractmethod
    def encode(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs] that have the right shape."""

    def forward(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs].

        Raises:
            ShapeError: the observations have another shape.
        """
        if tuple(obs.shape[1:]) != self.obs_shape:
            remedy = picture_remedy(self.obs_shape, obs.shape[1:]) or "this model was fitted on another observation"
            raise ShapeError(
                f"{type(self).__name__} expects observations [B, {', '.join(map(str, self.obs_shape))}], got "
                f"[B, {', '.join(map(str, obs.shape[1:]))}]: {remedy}."
            )
        return self.encode(obs)


class Identity(Encoder):
    """Flatten the observation to float32.

    >>> Identity((2, 2))(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4])
    """

    Options = EncoderOptions

    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions = EncoderOptions()) -> None:
        super().__init__(obs_shape, options)
        self.dim = math.prod(self.obs_shape)

    def encode(self, obs: Tensor) -> Tensor:
        return obs.flatten(1).to(torch.float32)
