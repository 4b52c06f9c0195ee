"""Frames that are arrays already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.video.colour import checked_size, opaque
from tsreward.errors import DataError

_NAMES = ("frames", "image", "images", "obs", "arr_0", "array")


def array_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames uint8 [H, W, 3] of an NPZ or NPY file: uint8 [T, H, W], or [T, H, W, C] with C 1, 3 or 4.

    Raises:
        DataError: damage; no array of frames, or several; values that are not bytes; channels before the pixels.
    """
    arrays = read_arrays(path)
    names = [name for name in _NAMES if name in arrays] or [name for name in arrays if arrays[name].ndim == 4]
    if len(names) != 1:
        raise DataError(f"{path} holds {', '.join(sorted(arrays))}: one array must be named {', '.join(_NAMES)}.")
    frames, what = arrays[names[0]], f"{path}: '{names[0]}'"
    if frames.dtype != np.uint8:
        raise DataError(
            f"{what} is {frames.dtype}, and frames are bytes (uint8) from 0 to 255: scale and round them before."
        )
    if frames.ndim == 4 and frames.shape[1] in (1, 3) and frames.shape[3] not in (1, 3, 4):
        raise DataError(f"{what} is {list(frames.shape)}, channels first: save array.transpose(0, 2, 3, 1).")
    if frames.ndim == 3:
        frames = frames[..., None]
    if frames.ndim != 4 or frames.shape[3] not in (1, 3, 4) or 0 in frames.shape:
        raise DataError(f"{what} is {list(frames.shape)}, not [T, H, W] or [T, H, W, C] with 1, 3 or 4 channels.")
    checked_size(path, frames.shape[1], frames.shape[2])
    yield from map(opaque, frames)
