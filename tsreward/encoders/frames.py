"""What all encoders of pictures share: bytes in, score boards blanked, every distinct frame encoded once."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from tsreward.encoders.base import Encoder, EncoderOptions
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.encoders.picture_shapes import is_picture
from tsreward.errors import DataError, OptionError
from tsreward.functional.pixels import blank_rectangles, resize_area
from tsreward.functional.tensors import in_chunks
from tsreward.options import option

_PIECE = 256  # frames that are compared at once: a copy of them is all that is held beside the features
Rectangle = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; the last two lie just outside."""
RECTANGLES = "rectangles (top, left, bottom, right) in pixels"


@dataclass(frozen=True)
class FrameOptions(EncoderOptions):
    """What happens to a frame before it is encoded, in a file of frames (`read_frames`) and in an encoder alike."""

    masks: tuple[Rectangle, ...] = option((), low=0, wanted=RECTANGLES)
    """Rectangles of the original frame that are blanked: score boards, clocks, anything that tells the reward."""
    size: tuple[int, int] | None = option(
        None, high=2**13, wanted=f"(height, width) in pixels, from 1 to {2**13}, or None"
    )
    """(height, width) that frames are brought to by area mean after blanking; None leaves them."""

    def check(self) -> None:
        if not all(top < bottom and left < right for top, left, bottom, right in self.masks):
            self.refuse("masks", RECTANGLES)

    def check_masks(self, height: int, width: int) -> None:
        """Check that every rectangle lies inside frames of this size.

        Raises:
            OptionError: one does not.
        """
        for mask in self.masks:
            if mask[2] > height or mask[3] > width:
                raise OptionError(
                    f"The mask {mask} lies outside frames of {height} x {width} pixels: give (top, left, bottom, "
                    f"right) in pixels of the original frame."
                )

    def prepare(self, frames: Tensor) -> Tensor:
        """Return uint8 frames [T, H, W, C] blanked and resized."""
        frames = blank_rectangles(frames, self.masks)
        return frames if self.size is None else resize_area(frames, self.size)


OptionsT = TypeVar("OptionsT", bound=FrameOptions)


class FrameEncoder(Encoder, Generic[OptionsT]):
    """Maps uint8 frames [B, H, W, C], or S stacked ones [B, S, H, W, C], to features [B, D]; C is 1 or 3.

    Frames are encoded `chunk` at a time, padded, so that features on CPU do not depend on what else is in the batch;
    equal neighbours (a still scene, or padding) are encoded once.
    """

    options: OptionsT

    def __init__(self, obs_shape: tuple[int, ...], options: OptionsT) -> None:
        super().__init__(obs_shape, options)
        if not is_picture(self.obs_shape):
            raise OptionError(
                f"{type(self).__name__} needs frames (H, W, C) or stacks (S, H, W, C) with 1 or 3 channels last, got "
                f"{self.obs_shape}: move the channels last, give grey frames a channel axis, stack on a new first axis."
            )
        self.stack = 1 if len(self.obs_shape) == 3 else self.obs_shape[0]
        height, width, self.channels = self.obs_shape[-3:]
        options.check_masks(height, width)
        self.height, self.width = (height, width) if options.size is None else options.size

    @property
    def chunk(self) -> int:
        """Frames that are encoded at once: see `functional.chunks`."""
        return 16

    @abstractmethod
    def features(self, frames: Tensor) -> Tensor:
        """Return features [B, D] of prepared uint8 frames [B, S, height, width, C]."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where frames are encoded; features come back to where the frames were."""

    @torch.no_grad()
    def encode(self, obs: Tensor) -> Tensor:
        self.check_bytes(obs)
        return torch.cat([self._encode_piece(piece) for piece in obs.split(_PIECE)])

    def check_bytes(self, obs: Tensor) -> None:
        """Check that frames are bytes.

        Raises:
            DataError: they are not.
        """
        if obs.dtype != torch.uint8:
            kind, scaled = str(obs.dtype).removeprefix("torch."), _is_scaled(obs)
            raise DataError(
                f"{type(self).__name__} expects frames of uint8, 0 to 255, got {kind}"
                f"{' between 0 and 1' * scaled}: give the environment's bytes, before any scaling"
                f"{', or (255 * frames).round() as uint8' * scaled}{self._declared(obs, scaled)}."
            )

    def _declared(self, obs: Tensor, scaled: bool) -> str:
        """Return the remedy where a layout can be declared: for single frames of integers, or scaled ones."""
        if self.stack > 1 or not (scaled or not obs.is_floating_point()):
            return ""
        return f", or {FrameLayout(scaled=scaled).remedy}"

    def _encode_piece(self, obs: Tensor) -> Tensor:
        distinct = torch.ones(len(obs), dtype=torch.bool, device=obs.device)
        distinct[1:] = (obs[1:] != obs[:-1]).flatten(1).any(1)
        chunks = (obs if distinct.all() else obs[distinct]).split(self.chunk)
        features = torch.cat([in_chunks(self._encode_chunk, chunk, self.chunk) for chunk in chunks])
        return features.to(obs.device)[distinct.cumsum(0) - 1]

    def _encode_chunk(self, obs: Tensor) -> Tensor:
        frames = obs.to(self.device).reshape(-1, *self.obs_shape[-3:])
        prepared = self.options.prepare(frames)
        return self.features(prepared.reshape(len(obs), self.stack, *prepared.shape[1:]))


def _is_scaled(obs: Tensor) -> bool:
    """Tell whether numbers look like bytes that were divided by 255."""
    return obs.is_floating_point() and obs.numel() > 0 and 0 <= float(obs.min()) <= float(obs.max()) <= 1
