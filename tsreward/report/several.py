"""Several runs on one page: interquartile means over seeds, with bootstrap intervals (Agarwal et al. 2021, rliable)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tsreward.data.alarms import Alarm, find_alarms
from tsreward.data.episode_rows import FILE, EpisodeRow, RunRows, read_rows
from tsreward.errors import DataError
from tsreward.report.curves import COLORS
from tsreward.report.drawing import Band, Chart, Line, Panel, Part
from tsreward.report.page import number, render
from tsreward.rewards.lagrangian import CONSTRAINED

RESAMPLES, LEVEL, BINS = 2000, 0.95, 40
_OWN = {
    "seed",
    "cost_limit",
    "seeds",
    "out",
    "json",
    "resume",
    "config",
    "save_every",
    "video_every",
    "tensorboard",
    "wandb",
    "film",
    "strict",
    "watch",
}
"""Options that make no other method."""


class RungAlarm(NamedTuple):
    """An alarm of one of several runs."""

    method: str
    seed: int
    alarm: Alarm


class Estimate(NamedTuple):
    """What several runs say together; every part is a number, or an array [...] of them."""

    iqm: Any
    low: Any
    high: Any


def interquartile_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean [...] of the middle half of values [N, ...]: a quarter of them, rounded down, is cut at each end.

    >>> float(interquartile_mean(np.array([0.0, 1.0, 2.0, 3.0, 100.0])))
    2.0
    """
    cut = len(values) // 4
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(0)


def estimate(values: np.ndarray, seed: int = 0) -> Estimate:
    """Return the interquartile mean [...] of runs [N, ...] with its 95 % percentile bootstrap interval over runs."""
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    means = interquartile_mean(np.moveaxis(values[draws], 1, 0))
    low, high = np.percentile(means, (50 - 50 * LEVEL, 50 + 50 * LEVEL), axis=0)
    return Estimate(interquartile_mean(values), low, high)


class Method(NamedTuple):
    """Runs that differ in their seeds only, of one agent."""

    name: str
    runs: list[RunRows]

    def final(self, field: str) -> np.ndarray | None:
        """Return the mean [N] of a field over episodes that ended in the last quarter; None where a run has none."""
        return _by_run([_mean(run.rows[_last_quarter(run.rows) :], field) for run in self.runs])

    def curve(self, field: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the middles [bins] of bins of training steps, and means [N, bins] of a field over episodes in them.

        A bin in which no episode of a run ended takes the one before; bins before the first episode of some run are
        left out, and so is what only some runs have trained.
        """
        if self.final(field) is None:
            return None
        end = min(run.rows[-1].step for run in self.runs)
        edges = np.linspace(0, end + 1, BINS + 1)
        means = np.full((len(self.runs), BINS), np.nan)
        for row, run in enumerate(self.runs):
            steps = np.array([one.step for one in run.rows])
            values, which = np.array([getattr(one, field) for one in run.rows]), np.digitize(steps, edges) - 1
            for place in range(BINS):
                here = values[which == place]
                means[row, place] = here.mean() if len(here) else means[row, place - 1] if place else np.nan
        known = ~np.isnan(means).any(0)
        return ((edges[:-1] + edges[1:]) / 2)[known], means[:, known]


def _last_quarter(rows: Sequence[EpisodeRow]) -> int:
    return next(place for place, row in enumerate(rows) if row.step > 0.75 * rows[-1].step)


def _mean(rows: Sequence[EpisodeRow], field: str) -> float | None:
    values = [getattr(row, field) for row in rows]
    return None if None in values else float(np.mean(values))


def _by_run(values: Sequence[float | None]) -> np.ndarray | None:
    return None if None in values else np.array(values, float)


def read_methods(folders: Sequence[Path]) -> list[Method]:
    """Return the runs in folders, put together by their options; a folder with folders seed-* stands for these.

    Raises:
        DataError: a folder holds no run, or no episode of a run has ended.
    """
    single = [found for folder in folders for found in (sorted(folder.glob("seed-*/")) or [folder])]
    grouped: dict[str, tuple[dict[str, Any], dict[str, list[RunRows]]]] = {}
    for folder in single:
        config = _flat(_config(folder))
        own = _OWN - {"cost_limit"} if CONSTRAINED in config.values() else _OWN
        kept = {name: value for name, value in config.items() if not own & set(name.split("."))}
        runs = read_rows(folder / FILE)
        if not runs:
            raise DataError(f"No episode of the run in {folder} has ended yet: wait, or leave it out.")
        agents = grouped.setdefault(json.dumps(kept, sort_keys=True), (kept, {}))[1]
        for run in runs:
            agents.setdefault(run.agent.rstrip("0123456789 "), []).append(run)
    configs = [config for config, _ in grouped.values()]
    names = [name for name in dict.fromkeys(name for one in configs for name in one) if _differs(configs, name)]
    methods = []
    for config, agents in grouped.values():
        what = ", ".join(f"{name.rpartition('.')[2]} {config.get(name)}" for name in names)
        for agent, runs in agents.items():
            methods.append(Method(", ".join(filter(None, [what, agent if len(agents) > 1 or not what else ""])), runs))
    return methods


def _differs(configs: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(config.get(name) != configs[0].get(name) for config in configs)


def _config(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is no folder of a run: it has no config.json that can be read ({error}).") from error


def _flat(config: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, Mapping) else {path + name: value}
    return flat


FIELDS = {"true_return": "true return", "cost": "cost", "learned_return": "learned return", "flag_rate": "flag rate"}


def figures_of(methods: Sequence[Method]) -> dict[str, dict[str, Any]]:
    """Return method -> its number of runs, and for every field iqm, low, high, mean and std of the final figures."""
    found: dict[str, dict[str, Any]] = {}
    for method in methods:
        figures: dict[str, Any] = {"runs": len(method.runs), "seeds": [run.seed for run in method.runs]}
        for field in FIELDS:
            if (values := method.final(field)) is not None:
                parts = {name: float(part) for name, part in estimate(values)._asdict().items()}
                figures[field] = {**parts, "mean": float(values.mean()), "std": float(values.std(ddof=len(values) > 1))}
        found[method.name] = figures
    return found


def alarms_of(methods: Sequence[Method]) -> list[RungAlarm]:
    """Return the alarms that ring in the episodes of every run, read off its rows."""
    runs = [(method.name, run) for method in methods for run in method.runs]
    return [RungAlarm(name, run.seed, alarm) for name, run in runs for alarm in find_alarms(run.rows)]


def render_several(title: str, methods: Sequence[Method]) -> str:
    """Return the page of several runs; it refers to nothing outside itself.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    figures = figures_of(methods)
    return render(
        "tsreward.report",
        "several.html",
        title=title,
        verdict=several_verdict(figures),
        figures=figures,
        fields=FIELDS,
        alarms=alarms_of(methods),
        curves=_curves(methods),
    )


def several_verdict(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return in one sentence which method has the highest true return, and what it costs.

    >>> one, other = ({"runs": 5, "true_return": {"iqm": iqm, "low": iqm - 1, "high": iqm + 1}} for iqm in (8.0, 9.5))
    >>> several_verdict({"ppo": one, "sac": other})
    'sac has the highest true return, 9.5 (95 % interval 8.5 to 10); that of ppo, 8.0 (7.0 to 9.0), overlaps it.'
    """
    ranked = sorted(figures, key=lambda name: -figures[name]["true_return"]["iqm"])
    values = [figures[name]["true_return"] for name in ranked]
    told = [f"{number(one['iqm'])} ({{}}{number(one['low'])} to {number(one['high'])})" for one in values]
    first = told[0].format("95 % interval ")
    cost = figures[ranked[0]].get("cost")
    costing = "" if cost is None else f" at a cost of {number(cost['iqm'])} per episode"
    if len(ranked) == 1:
        runs = figures[ranked[0]]["runs"]
        return f"Over {runs} run{'s' * (runs > 1)} the true return is {first}{costing}."
    overlaps = "overlaps it" if values[1]["high"] >= values[0]["low"] else "lies below"
    other = told[1].format("")
    return f"{ranked[0]} has the highest true return, {first}{costing}; that of {ranked[1]}, {other}, {overlaps}."


def _curves(methods: Sequence[Method]) -> Chart:
    panels = []
    for field, text in FIELDS.items():
        parts: list[Part] = []
        for place, method in enumerate(methods):
            if (curve := method.curve(field)) is None:
                continue
            steps, means = curve
            known, color = estimate(means), COLORS[place % len(COLORS)]
            parts.append(Band(steps, known.low, known.high, color, method.name))
            parts.append(Line(steps, known.iqm, color, method.name))
        if parts:
            panels.append(Panel(parts, x="decisions", y=f"{text} per episode" if "rate" not in text else text))
    return Chart(panels, columns=2, height=2.7, linked=True)
