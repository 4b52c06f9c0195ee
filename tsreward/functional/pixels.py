"""Frames: masks, crops, resizing, grey, and the preprocessing of CLIP."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, pad

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


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


def random_shift(
    frames: UInt8[Tensor, "b c h w"], pad: int, draw: torch.Generator | None = None
) -> UInt8[Tensor, "b c h w"]:
    """Return every picture shifted by up to `pad` whole pixels each way, drawn for it alone; its edge repeats.

    It is as if its edge were repeated `pad` times and a part of its size cut out (Kostrikov et al. 2021, section 3.1).
    Numbers come from `draw`, or from PyTorch's own generator.

    >>> frames = torch.arange(3, dtype=torch.uint8).reshape(1, 1, 1, 3)
    >>> random_shift(frames, 1, torch.Generator().manual_seed(0)).flatten().tolist()
    [0, 0, 1]
    """
    count, channels, height, width = frames.shape
    down, right = torch.randint(-pad, pad + 1, (2, count, 1), generator=draw)
    rows, columns = (
        (torch.arange(height) + down).clamp(0, height - 1),
        (torch.arange(width) + right).clamp(0, width - 1),
    )
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(count, 1, -1).expand(-1, channels, -1)
    return frames.flatten(2).gather(2, places).view_as(frames)


def grey(frames: UInt8[Tensor, "b h w c"]) -> Float[Tensor, "b h w"]:
    """Return brightness in [0, 1] of frames with one channel, or with red, green and blue (ITU-R BT.601 luma).

    >>> grey(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).item()
    1.0
    """
    values = frames.float() / 255
    if frames.shape[3] == 1:
        return values[..., 0]
    red, green, blue = (weight * values[..., place] for place, weight in enumerate(LUMA))
    return red + green + blue


_ONE = 2**22  # weights are whole multiples of 1 / _ONE: sums of them with bytes are exact in float64, in any order


def clip_pixels(
    frames: UInt8[Tensor, "b h w c"],
    shortest: int,
    crop: int,
    mean: Float[Tensor, " c"],
    std: Float[Tensor, " c"],
) -> Float[Tensor, "b c p p"]:
    """Return normalised pixels [B, C, crop, crop] of frames whose shorter side is brought to `shortest`.

    A crop that is larger than the resized frame pads it with zeros.

    >>> clip_pixels(torch.full((1, 4, 8, 1), 255, dtype=torch.uint8), 2, 2, torch.zeros(1), torch.ones(1))[0, 0]
    tensor([[1., 1.],
            [1., 1.]])
    """
    height, width = frames.shape[1:3]
    shorter = min(height, width)
    size = (height * shortest // shorter, width * shortest // shorter)
    values = resize_bicubic(frames, size).permute(0, 3, 1, 2)
    missing_high, missing_wide = max(0, crop - size[0]), max(0, crop - size[1])
    if missing_high or missing_wide:
        above, left = (missing_high + 1) // 2, (missing_wide + 1) // 2
        values = pad(values, (left, missing_wide - left, above, missing_high - above))
    top, first = (values.shape[2] - crop) // 2, (values.shape[3] - crop) // 2
    values = values[:, :, top : top + crop, first : first + crop].float() / 255
    return (values - mean[:, None, None]) / std[:, None, None]


def resize_bicubic(frames: UInt8[Tensor, "b h w c"], size: tuple[int, int]) -> UInt8[Tensor, "b p q c"]:
    """Return frames of `size` (height, width) by Keys' cubic convolution (1981, a = −1/2), widened where it shrinks.

    Rows first, then columns, each rounded to bytes: what Pillow does, bit by bit. (Pillow 13 takes the columns first
    where it shrinks pictures more than twice as tall as wide, which moves sharp edges by some levels.)

    >>> resize_bicubic(torch.tensor([[[[0], [100]]]], dtype=torch.uint8), (1, 3)).flatten().tolist()
    [0, 50, 107]
    """
    for product, axis, new in (("qw,bhwc->bhqc", 2, size[1]), ("ph,bhwc->bpwc", 1, size[0])):
        if frames.shape[axis] != new:
            weights = _weights(frames.shape[axis], new).to(frames.device)
            frames = _bytes(torch.einsum(product, weights, frames.double()))
    return frames


def _bytes(sums: Float64[Tensor, "b h w c"]) -> UInt8[Tensor, "b h w c"]:
    return (sums / _ONE + 0.5).floor().clamp(0, 255).to(torch.uint8)


@lru_cache(maxsize=16)
def _weights(old: int, new: int) -> Float64[Tensor, "new old"]:
    """Return how much of every old pixel is in every new one, in units of 1 / _ONE."""
    step = old / new
    stretch = max(step, 1.0)
    centres = ((torch.arange(new, dtype=torch.float64) + 0.5) * step)[:, None]
    places = torch.arange(old, dtype=torch.float64)
    near = (places >= (centres - 2 * stretch + 0.5).trunc()) & (places < (centres + 2 * stretch + 0.5).trunc())
    distance = ((places + 0.5 - centres) / stretch).abs()
    inner = (1.5 * distance - 2.5) * distance**2 + 1
    outer = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, inner, torch.where(distance < 2, outer, 0.0)) * near
    return (weights / weights.sum(1, keepdim=True) * _ONE).round()
