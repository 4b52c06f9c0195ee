"""What the page of an audit draws; names are the page's to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsreward.evaluation.audit.examples import Curve, Moment
from tsreward.evaluation.audit.findings import Findings
from tsreward.evaluation.report.drawing import new_figure, shade, svg_of
from tsreward.evaluation.report.envelope import envelope

COLORS = ("#3aa675", "#e05252", "#e8833a", "#4c8bf5", "#a05cd6", "#8a8f2a", "#c2588f", "#2a9d9d")
"""One for every behaviour, in their order; they begin again after the last."""
TRACES = ("#4c8bf5", "#e8833a", "#3aa675")
SCORE, REWARD = "#a05cd6", "#3aa675"
_WINDOW = "#a05cd6"


def color(place: int) -> str:
    """Return the colour of the behaviour at this place."""
    return COLORS[place % len(COLORS)]


def separations(findings: Findings) -> str:
    """Draw the histograms of scores, and the ROC of every comparison."""
    figure = new_figure(9.0, 2.6)
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1])
    edges = np.array(findings.shape.edges)
    for place, density in enumerate(findings.shape.densities.values()):
        left.stairs(density, edges, color=color(place), linewidth=1.1, fill=False)
    left.set(xlabel="score (higher is stranger)", ylabel="share of steps", xlim=(edges[0], edges[-1]))
    for place, row in enumerate(findings.separations):
        right.plot(*np.array(row.curve).T, color=color(place + 1), linewidth=1.2)
    cost = findings.agreement and findings.agreement.cost
    if cost:
        right.plot(*np.array(cost.curve).T, color=SCORE, linewidth=1.2, linestyle="--")
    right.set(xlabel="false alarms", ylabel="found", xlim=(0, 1), ylim=(0, 1.02))
    figure.subplots_adjust(left=0.07, right=0.98, top=0.96, bottom=0.17, wspace=0.2)
    return svg_of(figure)


def returns(rows: Sequence[tuple[str, float, float]], colors: Mapping[str, str]) -> str:
    """Draw learned against true returns, a dot for each episode in the colour of its behaviour."""
    figure = new_figure(5.0, 2.8)
    axis = figure.subplots()
    for name in dict.fromkeys(row[0] for row in rows):
        dots = np.array([row[1:] for row in rows if row[0] == name])
        axis.plot(dots[:, 0], dots[:, 1], ".", color=colors[name], markersize=4, alpha=0.8)
    axis.set(xlabel="true return", ylabel="learned return")
    figure.subplots_adjust(left=0.16, right=0.98, top=0.96, bottom=0.17)
    return svg_of(figure)


def curve(shown: Curve, limits: tuple[float, float]) -> str:
    """Draw score and learned reward of an episode, the reward between its limits; steps with a cost are shaded."""
    figure = new_figure(9.0, 2.2)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for axis, values, line, name in (
        (top, shown.score, SCORE, "score"),
        (bottom, shown.learned, REWARD, "reward"),
    ):
        axis.plot(*envelope(values), color=line, linewidth=0.8)
        axis.set_ylabel(name)
        axis.set_xlim(0, max(1, len(values) - 1))
        if shown.costs is not None:
            shade(axis, shown.costs > 0)
    bottom.set_xlabel("step")
    margin = 0.05 * (limits[1] - limits[0]) or 1.0
    bottom.set_ylim(limits[0] - margin, limits[1] + margin)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.97, bottom=0.19, hspace=0.15)
    return svg_of(figure)


def traces(moment: Moment, channels: Sequence[int], window: int, skip: int) -> str:
    """Draw channels of the observations around a window, which is shaded."""
    figure = new_figure(4.4, 1.5)
    axis: Any = figure.subplots()
    steps = np.arange(moment.first, moment.first + len(moment.obs))
    flat = moment.obs.reshape(len(moment.obs), -1)
    for line, channel in zip(TRACES, channels, strict=False):
        axis.plot(steps, flat[:, channel], color=line, linewidth=0.9)
    end = moment.step + 1
    axis.axvspan(max(0, end - (window - 1) * skip) - 0.5, end + 0.5, color=_WINDOW, alpha=0.18, linewidth=0)
    axis.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
    figure.subplots_adjust(left=0.12, right=0.98, top=0.96, bottom=0.18)
    return svg_of(figure)
