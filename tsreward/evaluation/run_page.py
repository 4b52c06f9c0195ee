"""A training run as one web page that needs nothing else: true figures, learning curves, what the reward said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.episodes import Episode
from tsreward.evaluation.audit.behaviour import observe
from tsreward.evaluation.audit.examples import examples
from tsreward.evaluation.audit.pictures import REWARD, SCORE, curve
from tsreward.evaluation.curves import binned
from tsreward.evaluation.report.drawing import new_figure, svg_of
from tsreward.evaluation.report.frame import render
from tsreward.files import write_atomic
from tsreward.model import RewardModel

COLORS = ("#888888", "#4c8bf5", "#e8833a")
SHOWN = 8
"""Last finished episodes of a run, of which the one with the median mean learned reward is drawn."""


def write_run_page(path: Path, *args: Any, **kwargs: Any) -> None:
    """Write what `render_run_page` returns for the other arguments.

    Raises:
        DataError: the file cannot be written.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    write_atomic(path, render_run_page(*args, **kwargs).encode(errors="xmlcharrefreplace"))


def render_run_page(
    title: str,
    facts: Mapping[str, object],
    figures: Mapping[str, Mapping[str, float | None]],
    runs: Mapping[str, Sequence[Episode]],
    model: RewardModel | None = None,
) -> str:
    """Return the page; it holds no script and refers to nothing outside itself.

    Args:
        title: of the page.
        facts: name -> what was run, as a table.
        figures: agent -> name -> true figure; the names are those of the first agent.
        runs: agent -> its finished episodes, in the order of training, with rewards.
        model: what paid an agent; drawn where it reads the observations of the episodes.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    rated = () if model is None else _rated(model, runs)
    limits = (
        (min(float(shown.learned.min()) for shown in rated), max(float(shown.learned.max()) for shown in rated))
        if rated
        else (0.0, 0.0)
    )
    return render(
        "tsreward.evaluation",
        "run.html",
        title=title,
        facts=facts,
        figures=figures,
        names=list(next(iter(figures.values()))),
        colors=dict(zip(runs, COLORS, strict=False)),
        curves=_curves(runs),
        rated=[(shown, curve(shown, limits)) for shown in rated],
        line_colors={"score": SCORE, "reward": REWARD},
    )


def _rated(model: RewardModel, runs: Mapping[str, Sequence[Episode]]) -> Sequence[Any]:
    """Return curves of one late episode of every run."""
    fitting = {
        name: episodes[-SHOWN:] for name, episodes in runs.items() if episodes[0].obs.shape[1:] == model.obs_shape
    }
    return examples([observe(model, name, episodes) for name, episodes in fitting.items()], count=0).curves


def _curves(runs: Mapping[str, Sequence[Episode]]) -> str:
    """Draw true return, and cost where all have one, per episode over training steps."""
    costs = all(episode.costs is not None for episodes in runs.values() for episode in episodes)
    panels = {"return": "rewards", "cost": "costs"} if costs else {"return": "rewards"}
    figure = new_figure(9.0, 3.2)
    axes = np.atleast_1d(figure.subplots(1, len(panels), squeeze=False)).ravel()
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        for color, episodes in zip(COLORS, runs.values(), strict=False):
            steps = np.cumsum([len(episode) for episode in episodes])
            totals = np.array([float(np.sum(getattr(episode, values))) for episode in episodes])
            keep = np.unique(np.linspace(0, len(totals) - 1, 1000).round().astype(int))
            axis.scatter(steps[keep], totals[keep], s=4, color=color, alpha=0.35, linewidths=0)
            axis.plot(*binned(steps, totals), color=color, linewidth=1.4)
        axis.set(xlabel="environment steps", ylabel=f"true {name} per episode")
    figure.subplots_adjust(left=0.08, right=0.98, top=0.97, bottom=0.14, wspace=0.2)
    return svg_of(figure)
