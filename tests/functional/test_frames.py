"""Blanking, shrinking and greying against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.functional.frames import area_mean, blank_rectangles, grey, resize_area


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
