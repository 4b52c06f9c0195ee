"""What all pages share: one file that refers to nothing outside itself, one look, every value shown as text."""

from __future__ import annotations

import gc
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from tsreward.data.alarms import ALARMS
from tsreward.errors import missing_extra
from tsreward.files import write_atomic
from tsreward.named_warnings import given_warnings
from tsreward.report.drawing import INK, Chart, Level, Line
from tsreward.report.interactive import check_interactive, document, library, packed
from tsreward.report.static import check_drawing, svgs

LARGEST = 3_000_000
"""Bytes of a page at most."""


def check_reporting() -> None:
    """Find out before a long run whether the page can be made.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise missing_extra("jinja2", "report") from error
    check_drawing()
    check_interactive()


def render(package: str, template: str, **values: Any) -> str:
    """Return a page from a template of a package; it extends base.html, and every value in it is escaped.

    In a template `draw(chart)` shows a `Chart`: as a picture, and in its place, where the page's script runs, as one
    that can be pointed at and zoomed. Only the scripts of this package and of Bokeh run: the page holds both, and
    allows them by their digests. The named warnings that the open log holds, where one is open, follow the result.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    check_reporting()
    import jinja2
    from markupsafe import Markup

    folders = dict.fromkeys((package, "tsreward.report"))
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, ".") for name in folders]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["number"] = number
    live: list[Chart] = []

    def draw(chart: Chart) -> Markup:
        places = [f"chart{len(live)}-{number}" for number in range(len(chart.panels))]
        if chart.live:
            live.append(chart)
        keys = [
            {
                "name": name,
                "color": "currentColor" if part.color == INK else part.color,
                "dashed": isinstance(part, Level) or (isinstance(part, Line) and part.dashed),
            }
            for name, part in chart.legend.items()
        ]
        return Markup(
            environment.get_template("chart.html").render(
                keys=keys,
                columns=chart.columns,
                panels=list(zip(svgs(chart), places, strict=True)),
                document=document(chart, places) if chart.live else "",
            )
        )

    with _uncollected():
        return environment.get_template(template).render(
            given_warnings=[
                one for one in given_warnings() if one["name"] not in ALARMS
            ],  # they have a section of their own
            draw=draw,
            charts=live,
            allowed=lambda: Markup(" ".join(map(_digest, [script(), library()] if live else [script()]))),
            packed_library=_packed_library,
            script=script().decode(),
            **values,
        )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do not look for garbage: charts are many small objects, and looking takes a fifth of the time of a page."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def number(value: Any) -> str:
    """Return a number as pages show it: two significant figures, and the digits by which a fraction misses 1.

    >>> [number(value) for value in (None, 1234.4, 99.6, 93.01, 0.107, 0.9971, 0.00432, -5.25e-7, 0.0, 12)]
    ['–', '1,234', '100', '93', '0.11', '0.997', '0.0043', '-5.2e-07', '0', '12']
    """
    if value is None:
        return "–"
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int) or abs(value) >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.3f}" if 0.98 < value < 0.9995 else f"{value:#.2g}".rstrip(".") if value else "0"


@cache
def script() -> bytes:
    """Return the script of all pages."""
    return (Path(__file__).parent / "page.js").read_bytes()


@cache
def _packed_library() -> str:
    return packed(library())


def _digest(source: bytes) -> str:
    """Return what a Content-Security-Policy calls a script."""
    return f"'sha256-{b64encode(sha256(source).digest()).decode()}'"


def write_page(path: str | Path, page: str) -> None:
    """Write a page whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomic(Path(path), page.encode(errors="xmlcharrefreplace"))
