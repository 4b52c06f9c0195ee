"""What the page of a benchmark draws of a series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.evaluation.report.channels import telling_channels
from tsreward.evaluation.report.drawing import INK, new_figure, shade, svg_of
from tsreward.evaluation.report.envelope import envelope
from tsreward.evaluation.report.mistakes import Mistake
from tsreward.series import DetectionTask

CHANNEL_COLORS = ("#4c8bf5", "#e8833a", "#3aa675")
SCORE_COLORS = ("#a05cd6", "#c2588f", "#8a8f2a", "#2a9d9d")
_LEVEL = "#d64545"


def overview(task: DetectionTask, scores: Sequence[tuple[np.ndarray, float]]) -> str:
    """Draw the telling channels of the part to judge above one panel per detector: (scores [T], threshold)."""
    labels = _labels(task)
    figure = new_figure(9.0, 1.5 + 1.1 * len(scores) + 0.3)
    top, *panels = np.atleast_1d(figure.subplots(1 + len(scores), sharex=True, height_ratios=[1.4] + [1] * len(scores)))
    for color, channel in zip(CHANNEL_COLORS, telling_channels(task), strict=False):
        top.plot(*envelope(task.test.values[:, channel]), color=color, linewidth=0.8)
    top.set_ylabel("values")
    for axis, color, (values, threshold) in zip(panels, SCORE_COLORS, scores, strict=False):
        axis.plot(*envelope(values), color=color, linewidth=0.8)
        axis.axhline(threshold, color=_LEVEL, linewidth=0.8, linestyle="--")
        axis.set_ylabel("score")
        if _is_skewed(values):
            axis.set_yscale("log")
    for axis in (top, *panels):
        shade(axis, labels)
        axis.set_xlim(0, len(labels))
    panels[-1].set_xlabel("row")
    figure.subplots_adjust(left=0.07, right=0.98, top=0.98, bottom=0.38 / figure.get_figheight(), hspace=0.12)
    return svg_of(figure)


def closeups(task: DetectionTask, scores: np.ndarray, threshold: float, found: Sequence[Mistake]) -> str:
    """Draw the score around each mistake, numbered from 1."""
    labels, size = _labels(task), 6
    figure = new_figure(9.0, 1.5)
    for position, (axis, mistake) in enumerate(zip(figure.subplots(1, size), [*found, *[None] * size], strict=False)):
        if mistake is None:
            axis.remove()
            continue
        around = max(50, mistake.stop - mistake.start)
        start, stop = max(0, mistake.start - around), min(len(scores), mistake.stop + around)
        axis.plot(*envelope(scores[start:stop], start, bins=80), color=SCORE_COLORS[0], linewidth=0.8)
        axis.axhline(threshold, color=_LEVEL, linewidth=0.8, linestyle="--")
        shade(axis, labels[start:stop], start)
        axis.set_xlim(start, stop)
        axis.set_xticks([mistake.row])
        axis.set_yticks([])
        axis.set_title(f"{position + 1}: {mistake.kind}", fontsize=8, color=INK)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.85, bottom=0.16, wspace=0.05)
    return svg_of(figure)


def _labels(task: DetectionTask) -> np.ndarray:
    assert task.test.labels is not None  # a DetectionTask has them
    return task.test.labels


def _is_skewed(scores: np.ndarray) -> bool:
    """Tell whether a linear axis would show peaks and nothing else."""
    return scores.min() > 0 and scores.max() > 50 * np.median(scores)
