"""Charts as pictures: SVG for print and for browsers that run no script, PNG for files."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

from tsreward.errors import missing_extra
from tsreward.report.drawing import INK, Band, Chart, Dots, Level, Line, Panel, Shade

_WIDTH = 9.0
"""Of a page, in inches."""
_GAP = 0.15


def check_drawing() -> None:
    """Find out whether figures can be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.backends.backend_svg  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def svgs(chart: Chart) -> list[str]:
    """Return an SVG for every panel; what stands in place n of the legend is in a group of the class sn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = []
    width = (_WIDTH - _GAP * (chart.columns - 1)) / chart.columns
    for panel, limits in zip(chart.panels, ranges(chart), strict=True):
        figure = Figure(figsize=(width, chart.height))
        FigureCanvasSVG(figure)
        small = panel.marked is not None
        below = (0.2 if small else 0.42 if panel.x else 0.24) + 0.2 * panel.turned
        figure.subplots_adjust(
            left=(0.03 if small else 0.62) / width,
            right=1 - 0.08 / width,
            bottom=below / chart.height,
            top=1 - (0.24 if panel.title else 0.08) / chart.height,
        )
        _draw(figure.subplots(), chart, panel, limits, small=True)
        drawn.append(_svg_of(figure))
    return drawn


def png(chart: Chart, title: str) -> bytes:
    """Return a PNG with a legend below the title.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(chart.columns, len(chart.panels))
    rows = -(-len(chart.panels) // columns)
    figure = Figure(figsize=(4.5 * columns, 0.5 + 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(chart.panels) :]:
        axis.set_axis_off()
    for axis, panel, limits in zip(axes, chart.panels, ranges(chart), strict=False):
        _draw(axis, chart, panel, limits, small=False)
    handles = {name: handle for axis in axes for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.suptitle(title, parse_math=False)
    if handles:
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def ranges(chart: Chart) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the ranges of x and y of every panel; linked panels have one range of x."""
    limits = [panel.limits() for panel in chart.panels]
    if not chart.linked:
        return limits
    across = min(one[0][0] for one in limits), max(one[0][1] for one in limits)
    return [(across, up) for _, up in limits]


def _draw(axis: Any, chart: Chart, panel: Panel, limits: Any, small: bool) -> None:
    """Draw a panel; `small` is the size of text and lines on pages."""
    day = 86_400_000 if panel.dated else 1  # matplotlib counts days
    limits = (limits[0][0] / day, limits[0][1] / day), limits[1]
    for part in panel.parts:
        place = chart.place(part)
        name: dict[str, Any] = {} if place is None else {"gid": f"series-{place}", "label": part.name}
        if isinstance(part, Line):
            width = 1.0 if small else 1.4
            axis.plot(
                part.x / day, part.y, color=part.color, linewidth=width, linestyle="--" if part.dashed else "-", **name
            )
        elif isinstance(part, Dots):
            # Without a label: the line of the same name has it.
            own = {key: value for key, value in name.items() if small or key != "label"}
            alpha = 0.4 if len(part.x) > 50 else 0.85
            axis.scatter(part.x / day, part.y, s=part.size**2, color=part.color, alpha=alpha, linewidths=0, **own)
        elif isinstance(part, Band):
            own = {key: value for key, value in name.items() if key != "label"}
            axis.fill_between(part.x / day, part.low, part.high, color=part.color, alpha=0.2, linewidth=0, **own)
        elif isinstance(part, Shade):
            spans = [(start / day, (stop - start) / day) for start, stop in part.spans]
            up = axis.get_xaxis_transform()
            axis.broken_barh(spans, (0, 1), transform=up, color=part.color, alpha=0.22, linewidth=0, **name)
        else:
            assert isinstance(part, Level)
            draw = axis.axvline if part.vertical else axis.axhline
            draw(
                part.at / day if part.vertical else part.at,
                color=part.color if small or part.color != INK else "black",
                lw=0.9,
                ls="--",
                **name,
            )
    if panel.log:
        axis.set_yscale("log")
    if panel.log_x:
        axis.set_xscale("log")
    axis.set(xlim=limits[0], ylim=limits[1])
    if panel.dated:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(maxticks=8)
        axis.xaxis.set_major_locator(locator)
        formats = ["%Y", "%b %Y", "%b %d", "%H:%M", "%H:%M", "%H:%M:%S"]
        zeros = ["%Y", "%Y", "%b %Y", "%b %d", "%H:%M", "%H:%M"]
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, None, formats, None, zeros, show_offset=False))
    size = {"fontsize": 8} if small else {}
    axis.set_xlabel(panel.x, parse_math=False, **size)
    axis.set_ylabel(panel.y, parse_math=False, **size)
    if panel.title:
        axis.set_title(panel.title, fontsize=8, color=INK, parse_math=False)
    if panel.ticks:
        where = {"rotation": 20, "ha": "right"} if panel.turned else {}
        axis.set_xticks(range(len(panel.ticks)), panel.ticks, **where)
        for label in axis.get_xticklabels():
            label.set_parse_math(False)
    if panel.marked is not None:
        axis.set_xticks([panel.marked])
        axis.set_yticks([])


def _svg_of(figure: Any) -> str:
    """Return what goes into a page: no prolog, no names, points to a hundredth, text and axes in the page's colour."""
    import matplotlib

    figure.patch.set_alpha(0)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(colors=INK, labelsize=7, length=2)
        axis.tick_params(which="minor", length=0)
        axis.xaxis.label.set(color=INK)
        axis.yaxis.label.set(color=INK)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(INK)
    buffer = io.StringIO()
    # Text as text, and names of clips that follow from what is drawn: the only two settings that no argument takes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tsreward"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of letters that our font lacks, and the browser's has
            figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # it would hold for the whole page
    svg = re.sub(r'<g id="series-(\d+)">', r'<g class="s\1">', svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)
