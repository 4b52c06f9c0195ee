"""What a training run brought: a summary, learning curves, and the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from tsreward.audit.behaviour import Behaviour, observe
from tsreward.audit.examples import examples
from tsreward.data.alarms import DEFAULT, Alarm, find_alarms
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.pipeline.model import RewardModel
from tsreward.report.audit import curve, is_film, moment_picture
from tsreward.report.curves import learning_curves, of_episodes, of_rows, total, watch_curves
from tsreward.report.drawing import GREEN, INK, TRUTH, Chart, Level, Line, Panel
from tsreward.report.page import number, render
from tsreward.report.static import png
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
    costs = [total(episode.costs) for episode in last]
    lengths = [len(episode) for episode in last]
    return TrainingSummary(
        episode_return=float(np.mean([total(episode.rewards) for episode in last])),
        episode_cost=float(np.mean(costs)),
        episode_length=float(np.mean(lengths)),
        cost_rate=sum(total(episode.costs) for episode in everything) / sum(len(episode) for episode in everything),
        final_cost_rate=sum(costs) / sum(lengths),
    )


SHOWN = 8
"""Last finished episodes of a run, of which the one with the median mean learned reward is drawn."""
LARGEST_FILM = 1_400_000
"""Bytes of a film that a page plays; a longer one is beside it."""
LATEST = 20
"""Latest episodes whose means the page of a run that goes on shows."""


def plot_curves(
    runs: Mapping[str, Sequence[Episode]],
    path: Path,
    title: str,
    levels: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> None:
    """Write a PNG with true return per episode over training steps, and cost where there is one; a colour per run.

    Lines are means over a twentieth of training; dots are episodes.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the file cannot be written.
    """
    chart = learning_curves({name: of_episodes(episodes) for name, episodes in runs.items()}, levels)
    write_atomic(path, png(chart, title))


def render_run(
    title: str,
    facts: Mapping[str, object],
    figures: Mapping[str, Mapping[str, float | None]],
    runs: Mapping[str, Sequence[Episode]],
    model: RewardModel | None = None,
    pictures: Mapping[str, bytes] | None = None,
    film: bytes | None = None,
    verdict: str = "",
    levels: Mapping[str, Mapping[str, float]] | None = None,
    rows: Mapping[str, Sequence[EpisodeRow]] | None = None,
    action_repeat: int = 1,
    filmed: Mapping[str, Sequence[Episode]] | None = None,
    alarms: Sequence[str] = DEFAULT,
) -> str:
    """Return the page; it refers to nothing outside itself.

    Args:
        title: of the page.
        facts: name -> what was run, as a table.
        figures: agent -> name -> true figure; the names are those of the first agent.
        runs: agent -> its finished episodes, in the order of training, with rewards.
        model: the reward model of an agent; drawn where it reads the observations of the episodes.
        pictures: what is said of a picture -> the PNG.
        film: an MP4 of the agents, which the page plays.
        verdict: one sentence, which comes first.
        levels: what is drawn ("true return", "cost") -> name -> a value to compare with, as a dashed line.
        rows: agent -> what was written of its episodes while it was trained, with what the learned reward said.
        action_repeat: environment steps of a decision.
        filmed: agent -> episodes as the model sees them, for agents that see something else.
        alarms: codes of the alarms that are shown where they ring in `rows`.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    curves = {
        name: of_rows(rows[name]) if rows and rows.get(name) else of_episodes(episodes)
        for name, episodes in runs.items()
    }
    late = None if model is None else _late(model, runs, filmed or {})
    return render(
        "tsreward.report",
        "run.html",
        title=title,
        facts=facts,
        tiles_of=_tiles(figures),
        figures=figures,
        names=list(next(iter(figures.values()))),
        curves=learning_curves(curves, _with_model(levels or {}, model), action_repeat),
        watched=_watched({name: (rows or {}).get(name, ()) for name in runs}, alarms, action_repeat),
        verdict=verdict,
        late=late,
        pictures={text: b64encode(png).decode() for text, png in (pictures or {}).items()},
        film=None if film is None or len(film) > LARGEST_FILM else b64encode(film).decode(),
        filmed=film is not None,
    )


def render_progress(
    title: str,
    facts: Mapping[str, object],
    where: str,
    state: str,
    runs: Mapping[str, Sequence[EpisodeRow]],
    action_repeat: int = 1,
    alarms: Sequence[str] = DEFAULT,
) -> str:
    """Return the page of a run that has no results yet; browsers load it again every minute while it is running.

    Args:
        title: of the page.
        facts: name -> what is run, as a table.
        where: how far it is, in words.
        state: running, stopped or failed.
        runs: agent -> its finished episodes, in the order of training; none without any.
        action_repeat: environment steps of a decision.
        alarms: codes of the alarms that are shown where they ring.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
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
        tiles_of=[
            (f"{name}: {word.replace('_', ' ')}", value)
            for name, values in list(figures.items())[-1:]
            for word, value in values.items()
        ],
        figures=figures,
        names=list(dict.fromkeys(name for values in figures.values() for name in values)),
        curves=learning_curves({name: of_rows(rows) for name, rows in runs.items()}, action_repeat=action_repeat)
        if runs
        else None,
        watched=_watched(runs, alarms, action_repeat),
    )


def _latest(rows: Sequence[EpisodeRow]) -> dict[str, float]:
    """Return the means over the latest episodes of what they have."""
    latest = rows[-LATEST:]
    fields = ("true_return", "learned_return", "cost", "flag_rate", "length")
    values = {name: [getattr(row, name) for row in latest] for name in fields}
    return {name: float(np.mean(column)) for name, column in values.items() if None not in column}


_TOP = {"return": "true return", "fraction_of_expert": "fraction of the expert's return", "cost": "cost per episode"}


def _tiles(figures: Mapping[str, Mapping[str, float | None]]) -> list[tuple[str, float | None]]:
    """Return the figures that stand at the top, the agent that is asked about first."""
    return [
        (f"{agent}: {text}" if len(figures) > 1 else text, values[name])
        for agent, values in reversed([*figures.items()])
        for name, text in _TOP.items()
        if values.get(name) is not None
    ]


class _Watch(NamedTuple):
    """What a watch has to say."""

    alarms: list[tuple[str, Alarm]]
    """Agent and alarm, in their order."""
    curves: Chart | None
    """None where rows have none of the figures."""


def _watched(rows: Mapping[str, Sequence[EpisodeRow]], codes: Sequence[str], action_repeat: int) -> _Watch:
    """Return the alarms that ring in the rows of every agent, and the figures that they are read off."""
    rung = [(name, alarm) for name, each in rows.items() for alarm in find_alarms(each, codes)]
    near = {name: [row for row in each if row.expert_distance is not None] or each for name, each in rows.items()}
    return _Watch(rung, watch_curves({name: of_rows(each) for name, each in near.items() if each}, action_repeat))


def _with_model(
    levels: Mapping[str, Mapping[str, float]], model: RewardModel | None
) -> Mapping[str, Mapping[str, float]]:
    """Return the levels, and those of the model: its false-alarm rate and its threshold."""
    if model is None:
        return levels
    rate = float(model.mode.options.false_alarm_rate)
    return {
        **levels,
        "flag rate": {f"false-alarm rate on normal steps, {rate:g}": rate},
        "score": {"threshold": float(model.mode.threshold)},
    }


class _Late(NamedTuple):
    """What the learned reward says of late episodes."""

    curves: list[tuple[Any, Chart]]
    """An episode of every agent and its chart."""
    frames: list[tuple[str, list[dict[str, Any]]]]
    """Words -> windows of pictures; none where the reward sees no pictures."""
    p_values: Chart | None
    """None where no step has a cost."""
    told: str
    """What the p-values show, in one sentence."""


def _late(
    model: RewardModel, runs: Mapping[str, Sequence[Episode]], filmed: Mapping[str, Sequence[Episode]]
) -> _Late | None:
    """Return what the reward says of the last episodes of every run, or of filmed ones; None where it sees none."""
    seen = {
        name: episodes[-SHOWN:]
        for name in runs
        for episodes in (filmed.get(name, ()), runs[name])
        if episodes and model.shape_read(episodes[0].obs.shape[1:]) == model.obs_shape
    }
    if not seen:
        return None
    behaviours = [observe(model, name, episodes) for name, episodes in seen.items()]
    found = examples(behaviours)
    limits = (
        min(float(one.learned.min()) for one in found.curves),
        max(float(one.learned.max()) for one in found.curves),
    )
    threshold = float(model.mode.threshold)
    frames = []
    if is_film(behaviours[0].episodes[0].obs):
        for word, moments in (("Strangest", found.strangest), ("Most familiar", found.most_familiar)):
            frames.append((word, [moment_picture(one, model.window, model.frame_skip) for one in moments]))
    chart, told = _costly(model, behaviours)
    return _Late([(one, curve(one, limits, threshold)) for one in found.curves], frames, chart, told)


def _costly(model: RewardModel, behaviours: Sequence[Behaviour]) -> tuple[Chart | None, str]:
    """Draw how p-values of steps with a cost are distributed, beside those of the others."""
    costs = [behaviour.column("costs") for behaviour in behaviours]
    if any(cost is None for cost in costs):
        return None, ""
    cost = np.concatenate([one for one in costs if one is not None]) > 0
    if not cost.any() or cost.all():
        return None, ""
    score = torch.from_numpy(np.concatenate([behaviour.rated.score for behaviour in behaviours]))
    p_value = model.calibration.p_value(score).numpy()
    flagged = np.concatenate([behaviour.rated.is_anomaly for behaviour in behaviours])
    rate = float(model.mode.options.false_alarm_rate)
    part = np.linspace(0, 1, 201)
    lines = [
        Line(np.quantile(p_value[chosen], part), part, color, name)
        for chosen, color, name in ((cost, TRUTH, "steps with a cost"), (~cost, GREEN, "other steps"))
    ]
    level = Level(rate, INK, f"false-alarm rate, {rate:g}", vertical=True)
    told = (
        f"Of {int(cost.sum()):,} late steps with a cost {number(100 * flagged[cost].mean())} % are flagged, of the "
        f"{int((~cost).sum()):,} others {number(100 * flagged[~cost].mean())} %."
    )
    across = "p-value (fraction of held-out normal steps that are at least as strange)"
    panel = Panel([*lines, level], across, "fraction of steps at or below", y_range=(0.0, 1.02), log_x=True)
    return Chart([panel], height=2.4), told
