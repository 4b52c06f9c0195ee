"""Which observations are pictures, and what to do about those of another shape than a model was fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.encoders.frame_layout import FrameLayout, layout_between

_CHANNELS = (1, 3, 4)
_STACKED = 16
"""Most channels and stacked frames that are looked for."""


def is_picture(shape: Sequence[int]) -> bool:
    """Tell whether a shape is one that encoders of pictures take, (H, W, C) or (S, H, W, C) with C 1 or 3."""
    return len(shape) in (3, 4) and shape[-1] in (1, 3)


def are_pictures(obs: np.ndarray) -> bool:
    """Tell whether observations [T, *obs] are what encoders of pictures take: bytes, with 1 or 3 channels last.

    >>> are_pictures(np.zeros((5, 64, 64, 3), np.uint8)), are_pictures(np.zeros((5, 128), np.uint8))
    (True, False)
    """
    return obs.dtype == np.uint8 and is_picture(obs.shape[1:])


def likely_layout(obs: np.ndarray) -> FrameLayout | None:
    """Return how frames probably stand in observations [T, *obs] that no encoder of pictures takes as they are.

    None where these are pictures already, or probably none: bytes or numbers from 0 to 1, with sides of 8 or more.

    >>> likely_layout(np.zeros((5, 3, 64, 64), np.uint8)), likely_layout(np.zeros((5, 4, 64, 64), np.uint8))
    (FrameLayout("CHW"), FrameLayout("SHW"))
    """
    shape = obs.shape[1:]
    scaled = obs.dtype.kind == "f" and obs.size > 0 and float(obs.min()) >= 0 and float(obs.max()) <= 1
    if are_pictures(obs) or len(shape) not in (2, 3) or not (scaled or obs.dtype == np.uint8):
        return None
    if len(shape) == 2:
        axes, stack, sides = "HW", None, shape
    elif shape[-1] <= _STACKED < min(shape[:2]):
        axes, stack, sides = "HWC", None if shape[-1] in (1, 3) else shape[-1], shape[:2]
    else:
        axes, stack, sides = "CHW" if shape[0] in (1, 3) else "SHW", None, shape[1:]
        if shape[0] > _STACKED:
            return None
    return FrameLayout(axes, stack, scaled) if min(sides) >= 8 else None


def picture_remedy(
    wanted: Sequence[int], got: Sequence[int], scaled: bool = False, stack: int | None = None
) -> str | None:
    """Return the remedy where pictures of shape `got` come to a model of pictures `wanted`, (H, W, C) or (S, H, W, C).

    None where these are no pictures, or have nothing in common. `scaled` says that the values are from 0 to 1, and
    `stack` how many frames are known to be stacked.

    >>> picture_remedy((64, 64, 3), (64, 48, 3))
    'draw or resize them to 64 x 64 pixels, e.g. with FrameOptions(size=(64, 64))'
    """
    wanted, got = tuple(wanted), tuple(got)
    remedy, layout = _remedy(wanted, got), layout_between(wanted, got, scaled, stack)
    declared = None if layout is None or (got == wanted and not scaled) else layout.remedy
    return ", or ".join(filter(None, (remedy, declared))) or None


def _remedy(wanted: tuple[int, ...], got: tuple[int, ...]) -> str | None:
    if len(wanted) not in (3, 4) or wanted[-1] not in _CHANNELS:
        return None
    if got == wanted:
        return None
    if got == (*wanted[:-3], wanted[-1], *wanted[-3:-1]):
        axes = ", ".join(map(str, (*range(len(got) - 2), len(got) - 1, len(got), len(got) - 2)))
        return f"the channels come first, and must come last: frames.transpose({axes})"
    if got == wanted[:-1]:
        return (
            "give grey frames a channel axis: frames[..., None]"
            if wanted[-1] == 1
            else "these frames are grey, and the model was fitted on colour: record colour, or fit it on grey frames"
        )
    if len(got) != len(wanted):
        return None
    if got[:-1] == wanted[:-1]:
        return _channels(wanted[-1], got[-1])
    if got[-1] == wanted[-1] and got[:-3] == wanted[:-3]:
        height, width = wanted[-3:-1]
        return f"draw or resize them to {height} x {width} pixels, e.g. with FrameOptions(size=({height}, {width}))"
    return None


def _channels(wanted: int, got: int) -> str:
    if got == 4 and wanted == 3:
        return "drop the alpha channel: frames[..., :3]"
    if got == 1:
        return "these frames are grey, and the model was fitted on colour: record colour, or fit it on grey frames"
    if got == 3:
        return "these frames have colours, and the model was fitted on grey ones: make the environment with grey=True"
    return f"frames of {got} channels are stacked ones: the model cuts its own windows, so give it a stack of 1"
