"""The page of a comparison of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsreward.audit.comparison import Comparison
from tsreward.report.drawing import BLUE, INK, ORANGE, new_figure, svg_of
from tsreward.report.page import render

COLORS = (BLUE, ORANGE)
_POINTS, _AROUND = 2000, 25


def render_comparison(comparison: Comparison, data: Sequence[str], title: str = "Comparison of two models") -> str:
    """Return the page; `data` names what the models were compared on.

    The page holds no script and refers to nothing outside itself; the same comparison gives the same page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    return render(
        "tsreward.report",
        "comparison.html",
        title=title,
        data=data,
        it=comparison,
        colors=COLORS,
        steps=sum(comparison.lengths),
        ranks=_ranks(comparison),
        closeups=_closeups(comparison) if comparison.differences else "",
    )


def _ranks(comparison: Comparison) -> str:
    """Draw the rank of one model over that of the other: of all transitions, or of 2,000 evenly spaced ones."""
    first, second = comparison.models
    chosen = np.unique(np.linspace(0, len(first.rank) - 1, _POINTS).round().astype(int))
    figure = new_figure(9.0, 4.2)
    axis = figure.subplots()
    axis.scatter(first.rank[chosen], second.rank[chosen], s=5, color=COLORS[0], alpha=0.6, linewidths=0)
    axis.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle="--")
    axis.set(xlabel="rank of the first", ylabel="rank of the second", xlim=(0, 1), ylim=(0, 1))
    figure.subplots_adjust(left=0.07, right=0.98, top=0.98, bottom=0.11)
    return svg_of(figure)


def _closeups(comparison: Comparison) -> str:
    """Draw both ranks around every difference, numbered from 1."""
    count = len(comparison.differences)
    rows = -(-count // 3)
    figure = new_figure(9.0, 1.6 * rows)
    axes = np.atleast_1d(figure.subplots(rows, 3, sharey=True)).ravel()
    begin = np.cumsum((0, *comparison.lengths[:-1]))
    for number, axis in enumerate(axes):
        if number >= count:
            axis.remove()
            continue
        found = comparison.differences[number]
        start = max(0, found.step - _AROUND)
        stop = min(comparison.lengths[found.episode], found.step + _AROUND + 1)
        part = slice(begin[found.episode] + start, begin[found.episode] + stop)
        for rated, color in zip(comparison.models, COLORS, strict=True):
            axis.plot(np.arange(start, stop), rated.rank[part], color=color, linewidth=0.9)
        axis.axvline(found.step, color=INK, linewidth=0.6, linestyle="--")
        axis.set_ylim(0, 1)
        axis.set_title(f"{number + 1}: episode {found.episode}, step {found.step}", fontsize=8, color=INK)
    top, bottom = 1 - 0.22 / (1.6 * rows), 0.2 / (1.6 * rows)
    figure.subplots_adjust(left=0.035, right=0.99, top=top, bottom=bottom, wspace=0.08, hspace=0.4)
    return svg_of(figure)
