"""Frames as they are, for scorers that look at pixels themselves."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsreward.encoders.base import ENCODERS
from tsreward.encoders.frames import FrameEncoder, FrameOptions


@ENCODERS.register("raw_frames")
class RawFrames(FrameEncoder[FrameOptions]):
    """The bytes of blanked and resized frames, in rows: features for `MaskedAutoencoder`, a byte each in memory.

    >>> RawFrames((64, 64, 3), FrameOptions(size=(32, 32)))(torch.zeros(2, 64, 64, 3, dtype=torch.uint8)).shape
    torch.Size([2, 3072])
    """

    Options = FrameOptions
    here: Tensor

    def __init__(self, obs_shape: tuple[int, ...], options: FrameOptions = FrameOptions()) -> None:  # noqa: B008
        super().__init__(obs_shape, options)
        self.frame_shape = (self.height, self.width, self.stack * self.channels)
        self.dim = math.prod(self.frame_shape)
        self.register_buffer("here", torch.zeros(()), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.here.device

    def features(self, frames: Tensor) -> Tensor:
        return frames.permute(0, 2, 3, 1, 4).flatten(1)  # stacked frames become channels
