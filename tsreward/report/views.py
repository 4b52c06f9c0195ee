"""A picture of what the expert shows beside what the agent sees."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsreward.functional.views import spread_pictures
from tsreward.report.static import check_drawing


def draw_views(expert: Sequence[np.ndarray], agent: Sequence[np.ndarray], causes: Sequence[str]) -> bytes:
    """Return a PNG: the first picture of an episode, one from its middle, and the still background, of both.

    Args:
        expert: pictures uint8 [T, H, W, C] of every episode of the expert.
        agent: the same of the agent, in another size if need be.
        causes: what is said below.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    for row, (name, episodes) in zip(axes, (("expert", expert), ("agent", agent)), strict=True):
        for axis, (what, picture) in zip(row, _shown(episodes).items(), strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set(title=f"{name}: {what}", xticks=[], yticks=[])
            axis.title.set_fontsize(9)
    figure.supxlabel("\n".join(textwrap.wrap("; ".join(causes), 100)), fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _shown(episodes: Sequence[np.ndarray]) -> dict[str, Any]:
    frames = episodes[0]
    background = np.median(spread_pictures(episodes), 0).astype(np.uint8)
    shown = {"first picture": frames[0], "later": frames[len(frames) // 2], "still background": background}
    return {name: picture[..., 0] if picture.shape[-1] == 1 else picture for name, picture in shown.items()}
