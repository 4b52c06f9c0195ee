"""Several sets of windows as one."""

import numpy as np
import torch

from tsreward.sequences.windows import WindowSet


def joined(parts: list[WindowSet]) -> WindowSet:
    """Return all windows of the sets, in order, over one store."""
    offsets = np.cumsum([0, *(len(part.store) for part in parts)]).tolist()
    return WindowSet(
        torch.cat([part.store for part in parts]),
        torch.cat([part.last + offset for part, offset in zip(parts, offsets, strict=False)]),
        torch.cat([part.first + offset for part, offset in zip(parts, offsets, strict=False)]),
        parts[0].window,
        parts[0].frame_skip,
    )
