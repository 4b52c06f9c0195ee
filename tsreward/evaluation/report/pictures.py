"""Figures as SVG without names in them: whatever a channel is called, it is the page's to escape.

Colours of text and axes are the page's too, so that one figure suits light and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsreward.errors import missing_extra
from tsreward.evaluation.report.channels import telling_channels
from tsreward.evaluation.report.envelope import envelope
from tsreward.evaluation.report.mistakes import Mistake, runs
from tsreward.series import DetectionTask

CHANNEL_COLORS = ("#4c8bf5", "#e8833a", "#3aa675")
SCORE_COLORS = ("#a05cd6", "#c2588f", "#8a8f2a", "#2a9d9d")
_TRUTH, _LEVEL, _INK = "#e05252", "#d64545", "#010203"


def overview(task: DetectionTask, scores: Sequence[tuple[np.ndarray, float]]) -> str:
    """Draw the telling channels of the part to judge above one panel per detector: (scores [T], threshold)."""
    labels = _labels(task)
    figure = _figure(9.0, 1.5 + 1.1 * len(scores) + 0.3)
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
        _shade(axis, labels)
        axis.set_xlim(0, len(labels))
    panels[-1].set_xlabel("row")
    figure.subplots_adjust(left=0.07, right=0.98, top=0.98, bottom=0.38 / figure.get_figheight(), hspace=0.12)
    return _svg(figure)


def closeups(task: DetectionTask, scores: np.ndarray, threshold: float, found: Sequence[Mistake]) -> str:
    """Draw the score around each mistake, numbered from 1."""
    labels, size = _labels(task), 6
    figure = _figure(9.0, 1.5)
    for position, (axis, mistake) in enumerate(zip(figure.subplots(1, size), [*found, *[None] * size], strict=False)):
        if mistake is None:
            axis.remove()
            continue
        around = max(50, mistake.stop - mistake.start)
        start, stop = max(0, mistake.start - around), min(len(scores), mistake.stop + around)
        axis.plot(*envelope(scores[start:stop], start, bins=80), color=SCORE_COLORS[0], linewidth=0.8)
        axis.axhline(threshold, color=_LEVEL, linewidth=0.8, linestyle="--")
        _shade(axis, labels[start:stop], start)
        axis.set_xlim(start, stop)
        axis.set_xticks([mistake.row])
        axis.set_yticks([])
        axis.set_title(f"{position + 1}: {mistake.kind}", fontsize=8, color=_INK)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.85, bottom=0.16, wspace=0.05)
    return _svg(figure)


def check_drawing() -> None:
    """Find out whether figures can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_svg  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def _labels(task: DetectionTask) -> np.ndarray:
    assert task.test.labels is not None  # a DetectionTask has them
    return task.test.labels


def _is_skewed(scores: np.ndarray) -> bool:
    """Tell whether a linear axis would show peaks and nothing else."""
    return scores.min() > 0 and scores.max() > 50 * np.median(scores)


def _shade(axis: Any, labels: np.ndarray, first: int = 0) -> None:
    thinnest = len(labels) / 500  # an anomaly of one row is seen, too
    spans = [(first + start, max(stop - start, thinnest)) for start, stop in runs(labels)]
    axis.broken_barh(spans, (0, 1), transform=axis.get_xaxis_transform(), color=_TRUTH, alpha=0.22, linewidth=0)


def _figure(width: float, height: float) -> Any:
    check_drawing()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure


def _svg(figure: Any) -> str:
    """Return what goes into a page: no prolog, no names, points to a hundredth, text and axes in the page's colour."""
    import matplotlib

    figure.patch.set_alpha(0)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(colors=_INK, labelsize=7, length=2)
        axis.tick_params(which="minor", length=0)
        axis.xaxis.label.set(color=_INK, fontsize=8)
        axis.yaxis.label.set(color=_INK, fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(_INK)
    buffer = io.StringIO()
    # Text as text, and names of clips that follow from what is drawn: the only two settings that no argument takes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tsreward"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # it would hold for the whole page
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)
