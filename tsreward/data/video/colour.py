"""Frames of any colour become red, green and blue; frames that no memory holds are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsreward.errors import DataError

MAX_PIXELS = 2**26


def opaque(frame: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] of grey, coloured or partly transparent pixels [H, W, 1, 3 or 4]; black lies behind.

    >>> opaque(np.array([[[200, 100, 0, 255], [200, 100, 0, 0]]], dtype=np.uint8)).tolist()
    [[[200, 100, 0], [0, 0, 0]]]
    """
    if frame.shape[2] == 4:
        shown = frame[..., :3] * (frame[..., 3:] / 255)
        return np.rint(shown).astype(np.uint8)
    return np.array(np.broadcast_to(frame, (*frame.shape[:2], 3)))


def checked_size(path: Path, height: int, width: int) -> None:
    """Check the size of a frame before it is decoded.

    Raises:
        DataError: more than 64 million pixels.
    """
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{path} has frames of {height} x {width} pixels, more than {MAX_PIXELS >> 20} Mi: scale it down first."
        )
