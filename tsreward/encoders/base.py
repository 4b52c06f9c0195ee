"""What every encoder is, and the identity for observations that are features already."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import NotFittedError, OptionError, ShapeError, shown
from tsreward.functional.tensors import as_real
from tsreward.options import Options
from tsreward.registry import Registry


@dataclass(frozen=True)
class EncoderOptions(Options):
    """Options of an encoder; the base has none."""


class Encoder(nn.Module, ABC):
    """Maps single observations [*obs] to feature vectors [D]."""

    Options: ClassVar[type[EncoderOptions]]
    obs_shape: tuple[int, ...]
    """Shape of one observation; None for an `Identity` that has not met any."""
    dim: int
    """Features D; None where `obs_shape` is."""
    codes: int | None = None
    """Features are tokens, whole numbers below this; None where they are numbers of any kind."""
    labelled: bool = False
    """The last feature is no token but a class, such as a task."""
    graph: ClassVar[bool] = False
    """Whether `encode` is the same operations on tensors for all observations, so that it can be exported."""
    frame_shape: tuple[int, int, int] | None = None
    """Features are the bytes, uint8, of a frame of this (height, width, channels); None where they are numbers."""

    def __init__(self, obs_shape: tuple[int, ...], options: EncoderOptions) -> None:
        super().__init__()
        if not obs_shape or min(obs_shape) < 1:
            raise OptionError(f"{type(self).__name__} needs an observation shape like (12,), got {tuple(obs_shape)}.")
        if not isinstance(options, self.Options):
            name = type(self).__name__
            raise OptionError(f"{name} takes {name}(obs_shape, {self.Options.__name__}(...)), got {shown(options)}.")
        self.obs_shape, self.options = tuple(obs_shape), options

    def adopt_shape(self, obs_shape: Sequence[int]) -> None:
        """Read observations of this shape from now on, where none was given to the constructor; else change nothing."""

    def fit(self, episodes: Sequence[np.ndarray | Tensor]) -> Self:
        """Learn from the observations [T, *obs] of episodes, and return the encoder; most have nothing to learn."""
        return self

    @abstractmethod
    def encode(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs] that have the right shape."""

    def forward(self, obs: Tensor) -> Tensor:
        """Return features [B, D] of observations [B, *obs].

        Raises:
            ShapeError: the observations have another shape.
            NotFittedError: an `Identity` has not met any observation yet.
        """
        if tuple(obs.shape[1:]) != self.obs_shape:
            remedy = picture_remedy(self.obs_shape, obs.shape[1:]) or "this model was fitted on another observation"
            raise ShapeError(
                f"{type(self).__name__} expects observations [B, {', '.join(map(str, self.obs_shape))}], got "
                f"[B, {', '.join(map(str, obs.shape[1:]))}]: {remedy}."
            )
        return self.encode(obs)


ENCODERS: Registry[type[Encoder]] = Registry("encoder", "tsreward.encoders", Encoder)
"""`ENCODERS[name](obs_shape, ENCODERS[name].Options(**values))` builds an encoder from a file's names and values."""


@ENCODERS.register("identity")
class Identity(Encoder):
    """Flatten the observation. Without `obs_shape`, `RewardModel.fit` takes the shape from its data.

    Features are float64 where float32 would lose digits of the observation (float64, int32 and wider), else float32.
    Scorers centre them before they round.

    >>> Identity((2, 2))(torch.ones(1, 2, 2)).shape
    torch.Size([1, 4])
    """

    Options = EncoderOptions
    graph = True

    def __init__(self, obs_shape: tuple[int, ...] | None = None, options: EncoderOptions = EncoderOptions()) -> None:
        super().__init__((1,) if obs_shape is None else obs_shape, options)
        self._adopts = obs_shape is None
        self.obs_shape = None if self._adopts else self.obs_shape  # type: ignore[assignment] - told by the data
        self.dim = None if self._adopts else math.prod(self.obs_shape)  # type: ignore[assignment]

    def adopt_shape(self, obs_shape: Sequence[int]) -> None:
        if self._adopts:
            self.obs_shape, self.dim = tuple(obs_shape), math.prod(obs_shape)

    def forward(self, obs: Tensor) -> Tensor:
        if self.obs_shape is None:
            raise NotFittedError(
                "Identity is not fitted and knows no shape of observations: call fit of its RewardModel, load a model, "
                "or give Identity(obs_shape)."
            )
        return super().forward(obs)

    def encode(self, obs: Tensor) -> Tensor:
        return as_real(obs.flatten(1))


def weights_digest(description: Any, weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256, in hexadecimal, of a description in plain JSON values and of named tensors in any order.

    >>> weights_digest({"layers": 1}, {"weight": torch.zeros(2)})[:8]
    'af78cddf'
    """
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(json.dumps([name, str(plain.dtype), list(plain.shape)]).encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
