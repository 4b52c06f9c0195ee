"""Contact sheets show the right frames of every video."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tsreward.report.contact_sheet import contact_sheet

Image = pytest.importorskip("PIL.Image", reason="needs the extra 'pixels'")


def test_frames_are_spread_from_the_first_to_the_last_and_a_row_is_a_video() -> None:
    videos = [
        np.arange(first, first + 9, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 1), np.uint8)
        for first in (0, 100)
    ]
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet(videos, ["one", "two"], columns=3))))
    assert sheet.shape == (2 * (64 + 18 + 4), 3 * 68, 3)
    for row, first in ((18 + 32, 0), (86 + 18 + 32, 100)):
        assert sheet[row, [32, 68 + 32, 136 + 32], 0].tolist() == [first, first + 4, first + 8]


def test_small_frames_are_drawn_larger_and_short_videos_have_fewer() -> None:
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet([np.zeros((2, 30, 40, 3), np.uint8)], ["a"]))))
    assert sheet.shape == (18 + 90 + 4, 2 * (120 + 4), 3)
