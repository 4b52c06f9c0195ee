"""Windows of pictures as strips."""

from __future__ import annotations

import base64
import io

import numpy as np

from tsreward.errors import missing_extra
from tsreward.evaluation.audit.examples import Moment

_SIDE, _FRAMES, _GAP = 64, 8, 2


def is_film(obs: np.ndarray) -> bool:
    """Tell whether observations [S, *obs] are pictures: bytes in two or three axes."""
    return obs.dtype == np.uint8 and obs.ndim in (3, 4)


def strip(moment: Moment, window: int, skip: int) -> str:
    """Return the frames of a window side by side, oldest first, as the text of a PNG in base64.

    Of windows of more than eight steps eight are shown, the first and the last among them; frames are thinned to
    at most 64 pixels.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.image import imsave
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error
    end = moment.step + 1 - moment.first
    rows = end - skip * np.arange(window - 1, -1, -1)
    rows = rows[np.unique(np.linspace(0, window - 1, min(window, _FRAMES)).round().astype(int))].clip(min=0)
    frames = [_pixels(frame) for frame in moment.obs[rows]]
    gap = np.full((frames[0].shape[0], _GAP, 3), 128, np.uint8)
    joined = np.concatenate([part for frame in frames for part in (frame, gap)][:-1], axis=1)
    buffer = io.BytesIO()
    imsave(buffer, joined, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _pixels(frame: np.ndarray) -> np.ndarray:
    """Return [H, W, 3] of a frame [H, W], [H, W, C] or [C, H, W]; of stacked frames the last."""
    if frame.ndim == 2:
        frame = frame[..., None]
    if frame.shape[0] < min(frame.shape[1:]):
        frame = np.moveaxis(frame, 0, -1)
    stride = -(-max(frame.shape[:2]) // _SIDE)
    last = frame[::stride, ::stride, -3:] if frame.shape[2] % 3 == 0 else frame[::stride, ::stride, -1:]
    return np.ascontiguousarray(np.broadcast_to(last, (*last.shape[:2], 3)))
