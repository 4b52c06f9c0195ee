"""Random convolutions: features of pictures that need no data, and can be trained with a scorer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from tsreward.encoders.base import ENCODERS
from tsreward.encoders.frames import FrameEncoder, FrameOptions
from tsreward.errors import OptionError
from tsreward.functional.seeding import seeded
from tsreward.options import option


@dataclass(frozen=True)
class ConvOptions(FrameOptions):
    """Options of `ConvEncoder`."""

    dim: int = 128
    """Features D of a frame."""
    channels: tuple[int, ...] = (16, 32, 32)
    """Width of every layer; each halves the height and the width."""
    seed: int = option(0, low=0, high=2**63 - 2)
    """Where the weights come from."""

    def check(self) -> None:
        if not 1 <= len(self.channels) <= 8:
            self.refuse("channels", "1 to 8 widths")


@ENCODERS.register("conv")
class ConvEncoder(FrameEncoder[ConvOptions]):
    """Convolutions (4 x 4, stride 2, ReLU) and a projection to D, with random orthogonal weights.

    Orthogonal rows keep distances better than independent ones (Saxe et al. 2014); the gain of the layers is √2, as a
    ReLU halves the second moment. The weights are part of a model's file; `tsreward.train_encoder` alone changes them.

    >>> frames = torch.zeros(2, 16, 16, 3, dtype=torch.uint8)
    >>> ConvEncoder((16, 16, 3), ConvOptions(dim=8))(frames).shape
    torch.Size([2, 8])
    """

    Options = ConvOptions
    projection: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: ConvOptions = ConvOptions()) -> None:
        super().__init__(obs_shape, options)
        self.dim = options.dim
        height, width = self.height, self.width
        widths = (self.stack * self.channels, *options.channels)
        if min(height, width) < 2 ** len(options.channels):
            raise OptionError(
                f"ConvEncoder halves frames {len(options.channels)} times, and {height} x {width} pixels are too few: "
                f"give fewer channels, or a larger size."
            )
        with seeded(options.seed):
            for layer, (narrow, wide) in enumerate(pairwise(widths)):
                kernel = math.sqrt(2) * orthogonal(wide, narrow * 16).reshape(wide, narrow, 4, 4)
                self.register_buffer(f"kernel{layer}", kernel)
                height, width = height // 2, width // 2
            self.register_buffer("projection", orthogonal(options.dim, widths[-1] * height * width))

    @property
    def chunk(self) -> int:
        # More rows would be padding in a step of an environment, and gain little in a video; narrow products need more.
        narrow = min(self.dim, *self.options.channels) < 8
        return 4 if self.device.type == "cpu" and not narrow else super().chunk

    @property
    def device(self) -> torch.device:
        return self.projection.device

    def features(self, frames: Tensor) -> Tensor:
        return self._convolved(frames, dict(self.named_buffers()))

    def differentiable(self, obs: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return features [B, D] of observations [B, *obs] under other weights, with their gradients."""
        prepared = self.options.prepare(obs.reshape(-1, *self.obs_shape[-3:]))
        return self._convolved(prepared.reshape(len(obs), self.stack, *prepared.shape[1:]), weights)

    def _convolved(self, frames: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        values = frames.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255  # stacked frames become channels
        for layer in range(len(self.options.channels)):
            values = conv2d(values, weights[f"kernel{layer}"], stride=2, padding=1).relu()
        return values.flatten(1) @ weights["projection"].T


def orthogonal(rows: int, columns: int) -> Tensor:
    """Return a random matrix [rows, columns] whose rows are orthonormal, or its columns where there are fewer of them.

    >>> matrix = orthogonal(2, 5)
    >>> torch.allclose(matrix @ matrix.T, torch.eye(2), atol=1e-6)
    True
    """
    drawn = torch.randn(max(rows, columns), min(rows, columns))
    if not drawn.is_meta:  # a model on the meta device only shows its shapes
        factor, triangle = torch.linalg.qr(drawn)
        drawn = factor * triangle.diagonal().sign()  # uniform over all such matrices (Mezzadri 2007)
    return (drawn if rows >= columns else drawn.T).contiguous()
