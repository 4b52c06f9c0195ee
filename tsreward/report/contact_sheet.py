"""Contact sheets: frames of videos side by side, a row for each video."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from tsreward.errors import missing_extra

_LINE, _GAP, _SHORTEST = 18, 4, 64


def contact_sheet(videos: Sequence[np.ndarray], captions: Sequence[str], columns: int = 8) -> bytes:
    """Return a PNG with a row for each video: its caption, and frames spread evenly from the first to the last.

    Frames that are smaller than 64 pixels are drawn several times as large.

    Args:
        videos: uint8 [T, H, W, C] each, C 1 or 3.
        captions: what stands above each.
        columns: frames of a row, at most.

    Raises:
        MissingExtraError: Pillow is not installed.

    >>> sheet = contact_sheet([np.zeros((9, 8, 8, 3), np.uint8)] * 2, ["first", "second"], columns=3)
    >>> sheet[:4]
    b'\\x89PNG'
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise missing_extra("pillow", "pixels") from error
    strips = [_strip(video, columns) for video in videos]
    width = max(strip.shape[1] for strip in strips)
    sheet = Image.new("RGB", (width, sum(len(strip) + _LINE + _GAP for strip in strips)), (255, 255, 255))
    draw, top = ImageDraw.Draw(sheet), 0
    for strip, caption in zip(strips, captions, strict=True):
        draw.text((_GAP, top + 2), caption, fill=(30, 30, 30), font=ImageFont.load_default(13))
        sheet.paste(Image.fromarray(strip), (0, top + _LINE))
        top += len(strip) + _LINE + _GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _strip(video: np.ndarray, columns: int) -> np.ndarray:
    """Return frames side by side [H, W, 3], with white between them."""
    steps = np.linspace(0, len(video) - 1, min(columns, len(video))).round().astype(int)
    times = -(-_SHORTEST // min(video.shape[1:3]))
    frames = np.broadcast_to(video[steps], (*video[steps].shape[:3], 3)).repeat(times, 1).repeat(times, 2)
    return np.concatenate([np.pad(one, ((0, 0), (0, _GAP), (0, 0)), constant_values=255) for one in frames], 1)
