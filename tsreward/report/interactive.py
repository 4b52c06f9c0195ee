"""Charts that can be pointed at and zoomed, drawn in the browser by Bokeh's own script."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.errors import missing_extra
from tsreward.report.drawing import INK, Band, Chart, Dots, Level, Line, Panel, Part, Shade
from tsreward.report.static import ranges

_INCH = 115
"""Pixels of an inch on a page."""


def check_interactive() -> None:
    """Find out whether interactive charts can be made.

    Raises:
        MissingExtraError: bokeh is not installed.
    """
    try:
        import bokeh.plotting  # noqa: F401
    except ImportError as error:
        raise missing_extra("bokeh", "report") from error


@cache
def library() -> bytes:
    """Return the script that draws, as Bokeh's package ships it."""
    check_interactive()
    import bokeh

    return (Path(bokeh.__file__).parent / "server/static/js/bokeh.min.js").read_bytes()


def packed(content: bytes) -> str:
    """Return bytes as text that HTML leaves as it is: gzip, then base64.

    >>> packed(b"</script>" * 1000).isascii(), len(packed(b"</script>" * 1000)) < 100
    (True, True)
    """
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def document(chart: Chart, places: list[str]) -> str:
    """Return, packed, what the page's script gives to Bokeh: the figures, and in which element of the page each stands.

    The same chart gives the same text.

    Raises:
        MissingExtraError: bokeh is not installed.
    """
    check_interactive()
    from bokeh.core.property.validation import validate

    # A quarter of the time; what Bokeh converts where it validates, such as a list of ticks, is given as it is wanted.
    with validate(False):
        return _document(chart, places)


def _document(chart: Chart, places: list[str]) -> str:
    from bokeh.document import Document
    from bokeh.models import CrosshairTool, Range1d, Span

    shared: dict[str, Any] = {}
    limits = ranges(chart)
    if chart.linked:
        shared["x_range"] = Range1d(start=limits[0][0][0], end=limits[0][0][1])
        shared["crosshair"] = CrosshairTool(
            dimensions="height", overlay=Span(dimension="height", line_color=INK, line_alpha=0.4, line_width=1)
        )
    figures = [_figure(chart, panel, one, shared) for panel, one in zip(chart.panels, limits, strict=True)]
    whole = Document(title="")
    with whole.models.freeze():  # else every figure that is added looks at all that were added before
        for plot in figures:
            whole.add_root(plot)
    content = whole.to_json(deferred=False)
    roots = dict(zip((figure.id for figure in figures), places, strict=True))
    named: dict[str, str] = {}
    made = {"document": _renamed(content, named), "roots": {named[root]: place for root, place in roots.items()}}
    return packed(json.dumps(made, separators=(",", ":"), allow_nan=False).encode())


def _renamed(value: Any, named: dict[str, str]) -> Any:
    """Return Bokeh's JSON with names of models that do not depend on what else was drawn; `named` is filled."""
    if isinstance(value, list | tuple):
        return [_renamed(one, named) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: named.setdefault(one, f"m{len(named)}") if key == "id" else _renamed(one, named)
        for key, one in value.items()
    }


def _figure(chart: Chart, panel: Panel, limits: Any, shared: dict[str, Any]) -> Any:
    from bokeh.models import FixedTicker, PlainText, Range1d, Title
    from bokeh.plotting import figure

    plot = figure(
        height=round(_INCH * chart.height),
        sizing_mode="stretch_width",
        x_axis_type="datetime" if panel.dated else "log" if panel.log_x else "linear",
        y_axis_type="log" if panel.log else "linear",
        x_range=shared.get("x_range") or Range1d(start=limits[0][0], end=limits[0][1]),
        y_range=Range1d(start=limits[1][0], end=limits[1][1]),
        tools="xbox_zoom,box_zoom,pan,xwheel_zoom,reset" if chart.linked else "box_zoom,pan,wheel_zoom,reset",
        active_drag="xbox_zoom" if chart.linked else "box_zoom",
        active_scroll=None,
        toolbar_location="right",
        min_border_left=60,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    for axis, text in ((plot.xaxis[0], panel.x), (plot.yaxis[0], panel.y)):
        # Plain: "$$" in a name is no formula, for which a script would be loaded.
        axis.axis_label = PlainText(text=text) if text else None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.axis_line_color = axis.major_tick_line_color = INK
        axis.minor_tick_line_color = None
        axis.axis_line_alpha = axis.major_tick_line_alpha = 0.6
    plot.grid.grid_line_color, plot.grid.grid_line_alpha = INK, 0.08
    if panel.title:
        title = PlainText(text=panel.title)
        plot.add_layout(Title(text=title, text_color=INK, text_font_size="12px"), "above")
    if panel.ticks:
        plot.xaxis[0].major_label_orientation = 0.35 if panel.turned else "horizontal"
        plot.xaxis[0].ticker = FixedTicker(ticks=list(range(len(panel.ticks))))
        plot.xaxis[0].major_label_overrides = {place: PlainText(text=name) for place, name in enumerate(panel.ticks)}
    if "crosshair" in shared:
        plot.add_tools(shared["crosshair"])
    for part in panel.parts:
        drawn = _part(plot, part)
        drawn.name = None if (place := chart.place(part)) is None else f"s{place}"
        _point_at(plot, panel, part, drawn)
    return plot


def _part(plot: Any, part: Part) -> Any:
    """Return what shows a part. Made here, and not by `plot.line` and its like, it has no looks that nothing shows."""
    from bokeh.models import glyphs

    if isinstance(part, Line):
        looks = {"line_color": part.color, "line_width": 1.5, "line_dash": "dashed" if part.dashed else "solid"}
        return plot.add_glyph(_source(x=part.x, y=part.y), glyphs.Line(x="x", y="y", **looks))
    if isinstance(part, Dots):
        texts = {"text": list(part.texts)} if len(part.texts) else {}
        looks = _filled(part.color, 0.4 if len(part.x) > 50 else 0.85)
        dots = glyphs.Scatter(x="x", y="y", size=1.33 * part.size, **looks)
        return plot.add_glyph(_source(x=part.x, y=part.y, **texts), dots)
    if isinstance(part, Band):
        area = glyphs.VArea(x="x", y1="low", y2="high", fill_color=part.color, fill_alpha=0.2)
        return plot.add_glyph(_source(x=part.x, low=part.low, high=part.high), area)
    if isinstance(part, Shade):
        starts, stops = np.array(part.spans, float).reshape(-1, 2).T
        return plot.add_glyph(
            _source(start=starts, stop=stops), glyphs.VStrip(x0="start", x1="stop", **_filled(part.color, 0.2))
        )
    assert isinstance(part, Level)
    looks = {"line_color": part.color, "line_width": 1.2, "line_dash": "dashed"}
    span = glyphs.VSpan(x="at", **looks) if part.vertical else glyphs.HSpan(y="at", **looks)
    return plot.add_glyph(_source(at=[part.at]), span)


def _filled(color: str, alpha: float) -> dict[str, Any]:
    return {"fill_color": color, "fill_alpha": alpha, "line_width": 0}


def _source(**columns: Any) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({name: _short(values) for name, values in columns.items()})


def _short(values: Any) -> Any:
    """Return numbers in four bytes each, where whole numbers stay what they are."""
    if isinstance(values, list):
        return values
    values = np.asarray(values, np.float64)
    return values if (np.abs(values[np.isfinite(values)]) > 2**24).any() else values.astype(np.float32)


def _point_at(plot: Any, panel: Panel, part: Part, drawn: Any) -> None:
    """Say what a line or a dot is where it is pointed at."""
    from bokeh.models import HoverTool

    if not isinstance(part, Line | Dots) or (isinstance(part, Line) and part.dashed):
        return
    first = next(one for one in panel.parts if isinstance(one, type(part)))
    place = (
        []
        if panel.ticks or (isinstance(part, Line) and part is not first)
        else [(panel.x or "x", "@x{%F %T}" if panel.dated else "@x{%.6g}")]
    )
    told: list[tuple[str, str]] = [(part.name or panel.y or "y", "@y{%.4g}"), *place]
    if isinstance(part, Dots) and len(part.texts):
        told.insert(0, ("", "@text"))
    plot.add_tools(
        HoverTool(
            renderers=[drawn],
            tooltips=told,
            formatters={"@x": "datetime" if panel.dated else "printf", "@y": "printf"},
            mode="vline" if isinstance(part, Line) else "mouse",
            line_policy="nearest",
            point_policy="snap_to_data",
            visible=False,
        )
    )
