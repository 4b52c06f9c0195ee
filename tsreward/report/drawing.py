"""Figures of pages: one palette, one look, long lines with few points."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from tsreward.errors import missing_extra

BLUE, ORANGE, GREEN, PURPLE = "#4c8bf5", "#e8833a", "#3aa675", "#a05cd6"
RED, OLIVE, PINK, TEAL, GREY = "#e05252", "#8a8f2a", "#c2588f", "#2a9d9d", "#888888"
INK = "#010203"
"""Becomes the colour of the page's text."""
SCORE, REWARD, TRUTH = PURPLE, GREEN, RED
"""Colours of scores, learned rewards, and steps with a cost or an anomaly."""


def envelope(values: np.ndarray, start: int = 0, bins: int = 450) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values of a line [T] from row `start` on: the least and the largest value of each bin.

    No peak is lost, whatever the length. Lines of up to two points per bin are returned as they are.

    >>> envelope(np.array([0.0, 5.0, 1.0, 2.0, -3.0, 2.0]), bins=2)
    (array([0. , 1.5, 3. , 4.5]), array([ 0.,  5., -3.,  2.]))
    """
    if len(values) <= 2 * bins:
        return np.arange(start, start + len(values)), values
    edges = np.linspace(0, len(values), bins, endpoint=False).astype(int)
    pairs = np.stack([np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)], axis=1)
    halves = np.diff(np.append(edges, len(values))) / 2
    return start + np.stack([edges, edges + halves], axis=1).ravel(), pairs.ravel()


def runs(mask: np.ndarray, join: int = 0) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of true values [T]; runs with at most `join` rows between them are one.

    >>> runs(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool), join=1)
    [(0, 4), (6, 7)]
    """
    changes = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    starts, stops = changes[::2], changes[1::2]
    apart = starts[1:] - stops[:-1] > join
    starts, stops = starts[np.append(True, apart)[: len(starts)]], stops[np.append(apart, True)[: len(stops)]]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def check_drawing() -> None:
    """Find out whether figures can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_svg  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def new_figure(width: float, height: float) -> Any:
    """Return a figure of this size in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure


def svg_of(figure: Any) -> str:
    """Return what goes into a page: no prolog, no names, points to a hundredth, text and axes in the page's colour."""
    import matplotlib

    figure.patch.set_alpha(0)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(colors=INK, labelsize=7, length=2)
        axis.tick_params(which="minor", length=0)
        axis.xaxis.label.set(color=INK, fontsize=8)
        axis.yaxis.label.set(color=INK, fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(INK)
    buffer = io.StringIO()
    # Text as text, and names of clips that follow from what is drawn: the only two settings that no argument takes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tsreward"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # it would hold for the whole page
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)


def shade(axis: Any, labels: np.ndarray, first: int = 0) -> None:
    """Shade the rows that are labelled [T]; the first of them is row `first`."""
    thinnest = len(labels) / 500  # an anomaly of one row is seen, too
    spans = [(first + start, max(stop - start, thinnest)) for start, stop in runs(labels)]
    axis.broken_barh(spans, (0, 1), transform=axis.get_xaxis_transform(), color=TRUTH, alpha=0.22, linewidth=0)
