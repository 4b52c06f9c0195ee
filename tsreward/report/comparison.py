"""The page of a comparison of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.audit.comparison import Comparison
from tsreward.report.drawing import BLUE, INK, ORANGE, PURPLE, Chart, Dots, Level, Line, Panel, Part
from tsreward.report.page import render

COLORS = (BLUE, ORANGE)
_POINTS, _AROUND = 2000, 25


def render_comparison(comparison: Comparison, data: Sequence[str], title: str = "Comparison of two models") -> str:
    """Return the page; `data` names what the models were compared on.

    The page refers to nothing outside itself; the same comparison gives the same page.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    names = [f"{word}: {rated.name}" for word, rated in zip(("first", "second"), comparison.models, strict=True)]
    return render(
        "tsreward.report",
        "comparison.html",
        title=title,
        data=data,
        it=comparison,
        names=names,
        steps=sum(comparison.lengths),
        proof=_proof(comparison, names),
        closeups=_closeups(comparison, names) if comparison.differences else None,
    )


def _proof(comparison: Comparison, names: Sequence[str]) -> Chart:
    """Draw the ROC of both against cost, where it is recorded, and the rank of one model over that of the other.

    Ranks are of all transitions, or of 2,000 evenly spaced ones.
    """
    unit, panels = (0.0, 1.0), []
    if comparison.fit is not None and comparison.fit.curves:
        curves = zip(comparison.fit.curves, COLORS, names, strict=True)
        roc = [Line.through(points, color, name) for points, color, name in curves]
        chance = Line(np.array(unit), np.array(unit), INK, dashed=True)
        panels.append(
            Panel([*roc, chance], "false-positive rate", "true-positive rate", x_range=unit, y_range=(0.0, 1.02))
        )
    first, second = comparison.models
    chosen = np.unique(np.linspace(0, len(first.rank) - 1, _POINTS).round().astype(int))
    dots = Dots(first.rank[chosen], second.rank[chosen], PURPLE, "transitions", size=2.5)
    same = Line(np.array(unit), np.array(unit), INK, "same rank", dashed=True)
    panels.append(Panel([dots, same], "rank of the first", "rank of the second", x_range=unit, y_range=unit))
    return Chart(panels, columns=2, height=3.4)


def _closeups(comparison: Comparison, names: Sequence[str]) -> Chart:
    """Draw both ranks around every difference, numbered from 1."""
    begin, panels = np.cumsum((0, *comparison.lengths[:-1])), []
    for number, found in enumerate(comparison.differences, start=1):
        start = max(0, found.step - _AROUND)
        stop = min(comparison.lengths[found.episode], found.step + _AROUND + 1)
        part = slice(begin[found.episode] + start, begin[found.episode] + stop)
        lines: list[Part] = [
            Line(np.arange(start, stop), rated.rank[part], color, name)
            for rated, color, name in zip(comparison.models, COLORS, names, strict=True)
        ]
        lines.append(Level(found.step, INK, vertical=True))
        title = f"{number}: episode {found.episode}, step {found.step}"
        panels.append(Panel(lines, title=title, y_range=(0.0, 1.0)))
    return Chart(panels, columns=3, height=1.7, live=False)
