"""What a training run brought: a summary, learning curves, and the page."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tsreward.audit.behaviour import observe
from tsreward.audit.examples import examples
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.report.audit import curve
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    REWARD,
    SCORE,
    check_drawing,
    new_figure,
    svg_of,
)
from tsreward.report.page import render
from tsreward.sequences.episodes import Episode


@dataclass(frozen=True)
class TrainingSummary:
    """Results of training: final figures over its last quarter, the cost rate over all of it."""

    episode_return: float
    """Mean true return of the complete episodes that ended in the last quarter (EpRet)."""
    episode_cost: float
    """Their mean cost (EpCost)."""
    episode_length: float
    cost_rate: float
    """Total cost over total steps of all of training (CostRate)."""
    final_cost_rate: float
    """Cost per step of the complete episodes that ended in the last quarter."""

    def as_json(self) -> dict[str, float]:
        """Return the figures under the names of the result files."""
        names = {"episode_return": "return", "episode_cost": "cost", "episode_length": "length"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


def summarise_training(finished: Sequence[Episode], everything: Sequence[Episode]) -> TrainingSummary:
    """Summarise the `finished` episodes of a training run and `everything`, the unfinished ones included.

    Raises:
        DataError: no episode finished.
    """
    if not finished:
        raise DataError("No episode finished during training: train for more steps.")
    steps = np.cumsum([len(episode) for episode in finished])
    last = [episode for episode, end in zip(finished, steps, strict=True) if end > 0.75 * steps[-1]]
    costs = [_total(episode.costs) for episode in last]
    lengths = [len(episode) for episode in last]
    return TrainingSummary(
        episode_return=float(np.mean([_total(episode.rewards) for episode in last])),
        episode_cost=float(np.mean(costs)),
        episode_length=float(np.mean(lengths)),
        cost_rate=sum(_total(episode.costs) for episode in everything) / sum(len(episode) for episode in everything),
        final_cost_rate=sum(costs) / sum(lengths),
    )


def _total(values: np.ndarray | None) -> float:
    return 0.0 if values is None else float(np.sum(values))


COLORS = (GREY, BLUE, ORANGE, GREEN, RED, PURPLE)
SHOWN = 8
"""Last finished episodes of a run, of which the one with the median mean learned reward is drawn."""


def plot_curves(runs: Mapping[str, Sequence[Episode]], path: Path, title: str) -> None:
    """Write a PNG with true return per episode over training steps, and cost where there is one; a colour per run.

    Lines are means over a twentieth of training; dots are episodes.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the file cannot be written.
    """
    check_drawing()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = {name: _of_episodes(episodes) for name, episodes in runs.items()}
    panels = _panels(drawn)
    figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    _draw_curves(figure, drawn, panels)
    figure.axes[0].legend()
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomic(path, buffer.getvalue())


def render_run(
    title: str,
    facts: Mapping[str, object],
    figures: Mapping[str, Mapping[str, float | None]],
    runs: Mapping[str, Sequence[Episode]],
    model: RewardModel | None = None,
    pictures: Mapping[str, bytes] | None = None,
    film: bytes | None = None,
    verdict: str = "",
    levels: Mapping[str, float] | None = None,
) -> str:
    """Return the page; it holds no script and refers to nothing outside itself.

    Args:
        title: of the page.
        facts: name -> what was run, as a table.
        figures: agent -> name -> true figure; the names are those of the first agent.
        runs: agent -> its finished episodes, in the order of training, with rewards.
        model: the reward model of an agent; drawn where it reads the observations of the episodes.
        pictures: what is said of a picture -> the PNG.
        film: an MP4 of the agents, which the page plays.
        verdict: one sentence, which comes first.
        levels: name -> a true return to compare with, drawn as a dashed line.

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
        "tsreward.report",
        "run.html",
        title=title,
        facts=facts,
        figures=figures,
        names=list(next(iter(figures.values()))),
        colors=dict(zip(runs, COLORS, strict=False)),
        curves=_curves_of({name: _of_episodes(episodes) for name, episodes in runs.items()}, levels or {}),
        verdict=verdict,
        rated=[(shown, curve(shown, limits)) for shown in rated],
        line_colors={"score": SCORE, "reward": REWARD},
        pictures={text: b64encode(png).decode() for text, png in (pictures or {}).items()},
        film=None if film is None else b64encode(film).decode(),
    )


def render_progress(
    title: str, facts: Mapping[str, object], where: str, state: str, runs: Mapping[str, Sequence[EpisodeRow]]
) -> str:
    """Return the page of a run that has no results yet; browsers load it again every minute while it is running.

    Args:
        title: of the page.
        facts: name -> what is run, as a table.
        where: how far it is, in words.
        state: running, stopped or failed.
        runs: agent -> its finished episodes, in the order of training; none without any.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    figures = {name: _latest(rows) for name, rows in runs.items()}
    return render(
        "tsreward.report",
        "progress.html",
        title=title,
        facts=facts,
        where=where,
        state=state,
        latest=LATEST,
        figures=figures,
        names=list(dict.fromkeys(name for values in figures.values() for name in values)),
        colors=dict(zip(runs, COLORS, strict=False)),
        curves=_curves_of({name: _of_rows(rows) for name, rows in runs.items()}) if runs else "",
    )


LATEST = 20
"""Latest episodes whose means the page of a run that goes on shows."""


def _latest(rows: Sequence[EpisodeRow]) -> dict[str, float]:
    """Return the means over the latest episodes of what they have."""
    latest = rows[-LATEST:]
    fields = ("true_return", "learned_return", "cost", "flag_rate", "length")
    values = {name: [getattr(row, name) for row in latest] for name in fields}
    return {name: float(np.mean(column)) for name, column in values.items() if None not in column}


def _rated(model: RewardModel, runs: Mapping[str, Sequence[Episode]]) -> Sequence[Any]:
    """Return curves of one late episode of every run."""
    fitting = {
        name: episodes[-SHOWN:]
        for name, episodes in runs.items()
        if model.shape_read(episodes[0].obs.shape[1:]) == model.obs_shape
    }
    return examples([observe(model, name, episodes) for name, episodes in fitting.items()], count=0).curves


class _Curve(NamedTuple):
    """What is drawn of the finished episodes of an agent: numbers [episodes] by what they are."""

    steps: np.ndarray
    values: dict[str, np.ndarray]


def _of_episodes(episodes: Sequence[Episode]) -> _Curve:
    values = {"true return": np.array([_total(episode.rewards) for episode in episodes])}
    if all(episode.costs is not None for episode in episodes):
        values["cost"] = np.array([_total(episode.costs) for episode in episodes])
    return _Curve(np.cumsum([len(episode) for episode in episodes]), values)


def _of_rows(rows: Sequence[EpisodeRow]) -> _Curve:
    names = ("true_return", "cost", "learned_return", "flag_rate")
    values = {name.replace("_", " "): [getattr(row, name) for row in rows] for name in names}
    return _Curve(
        np.array([row.step for row in rows]),
        {name: np.array(column) for name, column in values.items() if None not in column},
    )


def _curves_of(runs: Mapping[str, _Curve], levels: Mapping[str, float] = MappingProxyType({})) -> str:
    panels = _panels(runs)
    rows = (len(panels) + 1) // 2
    figure = new_figure(9.0, 3.2 * rows)
    _draw_curves(figure, runs, panels, rows)
    for name, level in levels.items():
        axis = figure.axes[panels.index("true return")]
        axis.axhline(level, color=INK, linewidth=0.8, linestyle="--")
        axis.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", size=7, color=INK)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.97, bottom=0.14 / rows, wspace=0.2, hspace=0.3)
    return svg_of(figure)


def _panels(runs: Mapping[str, _Curve]) -> list[str]:
    """Return what some agent has; but a cost only where all have one, and some episode costs anything."""
    names = dict.fromkeys(name for run in runs.values() for name in run.values)
    costs = all("cost" in run.values for run in runs.values()) and any(
        run.values["cost"].any() for run in runs.values()
    )
    return [name for name in names if name != "cost" or costs]


def _draw_curves(figure: Any, runs: Mapping[str, _Curve], panels: Sequence[str], rows: int = 1) -> None:
    """Draw every panel per episode over training steps: up to 1,000 dots and a line for each run."""
    axes = figure.subplots(rows, -(-len(panels) // rows), squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, name in zip(axes, panels, strict=False):
        for color, (run, drawn) in zip(COLORS, runs.items(), strict=False):
            if name not in drawn.values:
                continue
            steps, totals = drawn.steps, drawn.values[name]
            keep = np.unique(np.linspace(0, len(totals) - 1, 1000).round().astype(int))
            axis.scatter(steps[keep], totals[keep], s=4, color=color, alpha=0.35, linewidths=0)
            axis.plot(*binned(steps, totals), color=color, linewidth=1.4, label=run)
        axis.set(xlabel="environment steps", ylabel=f"{name.replace('cost', 'true cost')} per episode")


def binned(steps: np.ndarray, totals: np.ndarray, bins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return (middle of every bin that is not empty, mean of the totals in it) over the steps at which episodes end.

    >>> binned(np.array([5, 10, 90]), np.array([1.0, 3.0, 8.0]), bins=2)
    (array([22.75, 68.25]), array([2., 8.]))
    """
    edges = np.linspace(0, steps[-1] + 1, bins + 1)
    which = np.digitize(steps, edges) - 1
    filled = np.unique(which)
    return (edges[:-1] + edges[1:])[filled] / 2, np.array([totals[which == index].mean() for index in filled])
