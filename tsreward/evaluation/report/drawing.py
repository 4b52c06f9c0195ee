"""Figures as SVG without names in them: whatever a channel is called, it is the page's to escape.

Colours of text and axes are the page's too, so that one figure suits light and dark.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from tsreward.errors import missing_extra
from tsreward.evaluation.report.mistakes import runs

INK = "#010203"
"""Becomes the colour of the page's text."""
_TRUTH = "#e05252"


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
    axis.broken_barh(spans, (0, 1), transform=axis.get_xaxis_transform(), color=_TRUTH, alpha=0.22, linewidth=0)
