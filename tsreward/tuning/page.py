"""The page of a study, and the files beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tsreward.files import make_folder, write_atomic
from tsreward.report.drawing import BLUE, GREEN, GREY, ORANGE, Chart, Dots, Line, Panel, Part
from tsreward.report.page import number, render, write_page
from tsreward.tuning.objective import Objective
from tsreward.tuning.results import CompleteTrial, Results, toml_text
from tsreward.tuning.space import Categorical, Parameter, Space

BEST, DEFAULT = ORANGE, GREEN


def render_study(found: Results, space: Space, title: str) -> str:
    """Return the page; it refers to nothing outside itself.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    drawn = {name for one in found.complete for name in one.setting}
    names = [name for name in space.parameters if name in drawn and name not in space.fixed]
    return render(
        "tsreward.tuning",
        "page.html",
        title=title,
        verdict=study_verdict(found),
        it=found,
        space=space,
        names=names,
        search=_pareto_front(found) if len(found.directions) == 2 else _history(found),
        slices=[
            (objective, _slices(found, {name: space.parameters[name] for name in names}, index))
            for index, objective in enumerate(found.directions)
            if names
        ],
    )


def study_verdict(found: Results) -> str:
    """Return in one sentence what the best setting reaches, and the default."""
    values = ", ".join(
        f"{name} {number(value)}" for name, value in zip(found.directions, found.best.values, strict=True)
    )
    told = f"The best of {found.states['complete']} settings (trial {found.best.number}) reaches {values}"
    if found.default is None:
        return f"{told}."
    if found.default.number == found.best.number:
        return f"{told}: it is the default setting, which nothing beat."
    return f"{told}; the default setting {', '.join(number(value) for value in found.default.values)}."


def _pareto_front(found: Results) -> Chart:
    first, second = found.directions
    parts = _trials(found, lambda one: one.values[0], lambda one: one.values[1])
    if found.front:
        points = np.array(sorted(one.values for one in found.front))
        parts.insert(0, Line(points[:, 0], points[:, 1], GREY, "Pareto front", dashed=True))
    return Chart([Panel(parts, first, second)], height=3.6)


def _history(found: Results) -> Chart:
    (objective, direction), *_ = found.directions.items()
    feasible = [one for one in found.complete if one.feasible]
    best = np.maximum.accumulate if direction == "maximize" else np.minimum.accumulate
    parts = _trials(found, lambda one: one.number, lambda one: one.values[0])
    if feasible:
        values = best([one.values[0] for one in feasible])
        steps = [one.number for one in feasible]
        parts.insert(0, Line(np.repeat(steps, 2)[1:], np.repeat(values, 2)[:-1], GREY, "best so far"))
    return Chart([Panel(parts, "trial", objective)], height=2.8)


def _slices(found: Results, parameters: Mapping[str, Parameter], index: int) -> Chart:
    """Draw an objective over every parameter; choices stand on the axis by name."""
    panels = []
    for name, parameter in parameters.items():
        having = [one for one in found.complete if name in one.setting]
        ticks = [str(one) for one in parameter.choices] if isinstance(parameter, Categorical) else []

        def place(one: CompleteTrial, name: str = name, ticks: Sequence[str] = ticks) -> float:
            value = one.setting[name]
            return ticks.index(str(value)) if ticks else float(value or 0)

        parts = _trials(found, place, lambda one: one.values[index], having)
        panels.append(Panel(parts, name, ticks=ticks, log_x=not ticks and getattr(parameter, "log", False)))
    return Chart(panels, columns=3, height=2.0)


def _trials(
    found: Results,
    x: Callable[[CompleteTrial], float],
    y: Callable[[CompleteTrial], float],
    chosen: Sequence[CompleteTrial] | None = None,
) -> list[Part]:
    """Return a dot for every complete trial, and marks for the best and the default setting."""
    chosen = found.complete if chosen is None else chosen

    def dots(trials: Sequence[CompleteTrial], color: str, name: str, size: float) -> list[Part]:
        if not trials:
            return []
        places = np.array([[x(one), y(one)] for one in trials], float)
        return [Dots(places[:, 0], places[:, 1], color, name, size, [f"trial {one.number}" for one in trials])]

    parts = dots([one for one in chosen if one.feasible], BLUE, "trial", 4.0)
    parts += dots([one for one in chosen if not one.feasible], GREY, "trial that exceeds a limit", 4.0)
    for name, one, color in (("default", found.default, DEFAULT), ("best", found.best, BEST)):
        if one is not None and one in chosen:
            parts += dots([one], color, name, 8.0)
    return parts


def write_results(found: Results, objective: Objective, folder: Path, title: str) -> None:
    """Write the files into a folder, which is created; each of them is whole or the one of before.

    Raises:
        DataError: the folder cannot be written to.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    page = render_study(found, objective.space, title)
    make_folder(folder)
    chosen = {f"front-{one.number}.toml": one for one in found.front} | {"best.toml": found.best}
    for old in folder.glob("front-*.toml"):
        if old.name not in chosen:
            old.unlink(missing_ok=True)
    for name, one in chosen.items():
        write_atomic(folder / name, _config(one, found, objective, title).encode())
    write_atomic(folder / "results.json", (json.dumps(found.as_json(), indent=1) + "\n").encode())
    write_page(folder / "report.html", page)


def _config(one: CompleteTrial, found: Results, objective: Objective, title: str) -> str:
    values = ", ".join(f"{name} {value:.4g}" for name, value in zip(found.directions, one.values, strict=True))
    comments = [
        f"{title}, trial {one.number}: {values}",
        f"Read by tsreward {' and '.join(objective.config(one.setting))} --config FILE",
    ]
    if not one.feasible:
        comments.append("It exceeds a limit, like all others: raise the limit, or search for longer.")
    if "smoothing" in one.setting:
        comments.append(
            f"Part of the setting, but no option of fit: scores averaged over {one.setting['smoothing']} rows"
        )
    return toml_text(objective.config(one.setting), comments)
