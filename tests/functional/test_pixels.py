"""Pixels for CLIP against the library's own preprocessing, and the pure functions against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.functional.pixels import (
    area_mean,
    blank_rectangles,
    clip_pixels,
    grey,
    random_shift,
    resize_area,
    resize_bicubic,
)

SIZES = [(64, 64), (210, 160), (33, 47), (31, 33), (97, 50), (5, 24), (1, 1)]


def pictures(height: int, width: int) -> np.ndarray:
    """Return noise and a picture of smooth ramps with sharp edges."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ramp = np.add.outer(np.arange(height) * 7, np.arange(width))[..., None] * np.array([1, 2, 3])
    return np.stack([noise, (ramp % 256).astype(np.uint8)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("shortest", "crop"), [(32, 32), (48, 32), (30, 33)])
def test_pixels_are_those_of_the_library(size, shortest, crop) -> None:
    transformers = pytest.importorskip("transformers", reason="needs the extra 'pixels'")
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": shortest}, crop_size={"height": crop, "width": crop}
    )
    frames = pictures(*size)
    expected = processor(images=list(frames), return_tensors="np", input_data_format="channels_last")["pixel_values"]
    mean, std = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    given = clip_pixels(torch.from_numpy(frames), shortest, crop, mean, std)
    levels = (given.numpy() - expected) * std.numpy()[:, None, None] * 255
    assert given.shape == (2, 3, crop, crop)
    assert np.abs(levels).max() < 1e-3  # bit-equal bytes; the bar was one level


@pytest.mark.parametrize(
    ("old", "new"), [((64, 64), (32, 32)), ((31, 33), (64, 70)), ((210, 160), (42, 32)), ((5, 24), (20, 96))]
)
def test_resized_pictures_are_those_of_pillow(old, new) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra 'pixels'")
    frames = pictures(*old)
    expected = [np.array(image.fromarray(frame).resize(new[::-1], image.Resampling.BICUBIC)) for frame in frames]
    assert np.array_equal(resize_bicubic(torch.from_numpy(frames), new), np.stack(expected))


def test_a_picture_of_its_own_size_comes_back() -> None:
    frames = torch.from_numpy(pictures(6, 9))
    assert torch.equal(resize_bicubic(frames, (6, 9)), frames)


def frames(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_rectangles_are_blanked_in_a_copy() -> None:
    before = frames(2, 5, 6, 3)
    after = blank_rectangles(before, [(0, 0, 2, 3), (4, 5, 5, 6)])
    inside = torch.zeros(5, 6, dtype=torch.bool)
    inside[0:2, 0:3] = inside[4, 5] = True
    assert (after[:, inside] == 0).all() and torch.equal(after[:, ~inside], before[:, ~inside])
    assert torch.equal(before, frames(2, 5, 6, 3))
    assert blank_rectangles(before, []) is before


@pytest.mark.parametrize("size", [(2, 3), (4, 4), (3, 5), (1, 1)])
def test_the_area_mean_is_the_mean_of_the_pixels_it_touches(size) -> None:
    before = frames(2, 7, 11, 3).float()
    after = area_mean(before, size)
    for row, column in np.ndindex(*size):
        rows = slice(row * 7 // size[0], -(-(row + 1) * 7 // size[0]))
        columns = slice(column * 11 // size[1], -(-(column + 1) * 11 // size[1]))
        torch.testing.assert_close(after[:, row, column], before[:, rows, columns].mean((1, 2)))


def test_bytes_stay_bytes() -> None:
    before = frames(2, 6, 8, 1)
    after = resize_area(before, (3, 4))
    assert after.dtype == torch.uint8
    assert torch.equal(after, area_mean(before.float(), (3, 4)).round().to(torch.uint8))
    assert resize_area(before, (6, 8)) is before


def test_grey_is_luma() -> None:
    colours = torch.tensor([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], dtype=torch.uint8)
    torch.testing.assert_close(grey(colours).flatten(), torch.tensor([0.299, 0.587, 0.114]))
    assert torch.equal(grey(frames(2, 3, 3, 1)), frames(2, 3, 3, 1)[..., 0] / 255)


@pytest.mark.parametrize(("size", "pad"), [((5, 7), 2), ((3, 3), 4), ((6, 4), 0)])
def test_shifted_pictures_are_cut_out_of_padded_ones(size: tuple[int, int], pad: int) -> None:
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 2, *size), dtype=np.uint8))
    shifted = random_shift(frames, pad, torch.Generator().manual_seed(1))
    places = set()
    for frame, got in zip(frames.numpy(), shifted.numpy(), strict=True):
        padded = np.pad(frame, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
        matches = [
            (top, left)
            for top in range(2 * pad + 1)
            for left in range(2 * pad + 1)
            if np.array_equal(padded[:, top : top + size[0], left : left + size[1]], got)
        ]
        assert matches
        places.add(matches[0])
    assert len(places) > 10 * (pad > 0)
    assert shifted.dtype == torch.uint8 and (pad or torch.equal(shifted, frames))
