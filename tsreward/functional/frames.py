"""Arithmetic on frames: blanking, shrinking and greying do the same to a frame whatever stands beside it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

_LUMA = (0.299, 0.587, 0.114)


def blank_rectangles(
    frames: UInt8[Tensor, "b h w c"], rectangles: Sequence[tuple[int, int, int, int]]
) -> UInt8[Tensor, "b h w c"]:
    """Return the frames with every rectangle (top, left, bottom, right) in pixels set to zero; `bottom` and `right` lie
    just outside. Without rectangles the frames themselves come back.

    >>> blank_rectangles(torch.full((1, 2, 2, 1), 7, dtype=torch.uint8), [(0, 0, 1, 2)])[0, ..., 0]
    tensor([[0, 0],
            [7, 7]], dtype=torch.uint8)
    """
    if not rectangles:
        return frames
    frames = frames.clone()
    for top, left, bottom, right in rectangles:
        frames[:, top:bottom, left:right] = 0
    return frames


def area_mean(frames: Float[Tensor, "b h w c"], size: tuple[int, int]) -> Float[Tensor, "b p q c"]:
    """Return frames of `size` (height, width): every new pixel is the mean of the old ones that it touches.

    >>> area_mean(torch.tensor([[[[1.0], [3.0]]]]), (1, 1)).item()
    2.0
    """
    return adaptive_avg_pool2d(frames.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)


def resize_area(frames: UInt8[Tensor, "b h w c"], size: tuple[int, int]) -> UInt8[Tensor, "b p q c"]:
    """Return `area_mean` of bytes, rounded to bytes; frames that have the size already come back as they are.

    >>> resize_area(torch.tensor([[[[10], [13]]]], dtype=torch.uint8), (1, 1)).item()
    12
    """
    return frames if frames.shape[1:3] == size else area_mean(frames.float(), size).round().to(torch.uint8)


def grey(frames: UInt8[Tensor, "b h w c"]) -> Float[Tensor, "b h w"]:
    """Return brightness in [0, 1] of frames with one channel, or with red, green and blue (ITU-R BT.601 luma).

    >>> grey(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).item()
    1.0
    """
    values = frames.float() / 255
    if frames.shape[3] == 1:
        return values[..., 0]
    red, green, blue = (weight * values[..., place] for place, weight in enumerate(_LUMA))
    return red + green + blue
