"""`PictureRepair`: undo what was done to pictures on their way: swapped colours, borders, mirrors, brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsreward.errors import OptionError
from tsreward.options import Options, flag, option

_CROP = "(top, bottom, left, right), rows and columns to cut off, or None"


@dataclass(frozen=True)
class PictureRepair(Options):
    """What is done to the expert's pictures first of all, so that they look like the agent's own."""

    swap_colours: bool = False
    """Exchange red and blue."""
    crop: tuple[int, int, int, int] | None = option(None, low=0, wanted=_CROP)
    """Rows and columns of the file's pictures that are cut off: above, below, left and right."""
    flip: Literal["left-right", "up-down", "both"] | None = None
    """Mirror the pictures; both is half a turn."""
    brightness: float = option(1.0, above=0)
    """Factor of all values: 0.87 where the expert's pictures are 15 % brighter than the agent's."""

    @classmethod
    def title(cls, name: str) -> str:
        return flag(name)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Return repaired pictures uint8 [..., H, W, C]; without any repair, the pictures themselves.

        Raises:
            OptionError: nothing is left, or there are no colours to swap.

        >>> PictureRepair(swap_colours=True).apply(np.array([[[1, 2, 3]]], np.uint8)).tolist()
        [[[3, 2, 1]]]
        """
        height, width, channels = frames.shape[-3:]
        if self.crop is not None:
            top, bottom, left, right = self.crop
            if top + bottom >= height or left + right >= width:
                raise OptionError(f"--crop {self.crop} leaves nothing of pictures of {height} x {width} pixels.")
            frames = frames[..., top : height - bottom, left : width - right, :]
        if self.flip in ("left-right", "both"):
            frames = frames[..., ::-1, :]
        if self.flip in ("up-down", "both"):
            frames = frames[..., ::-1, :, :]
        if self.swap_colours:
            if channels != 3:
                raise OptionError("--swap-colours is for pictures with red, green and blue, and these are grey.")
            frames = frames[..., ::-1]
        if self.brightness != 1:
            frames = np.clip(np.rint(frames * np.float32(self.brightness)), 0, 255).astype(np.uint8)
        return frames if not self.changed() else np.ascontiguousarray(frames)
