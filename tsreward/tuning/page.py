"""The page of a study, and the files beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.report.drawing import INK, new_figure, svg_of
from tsreward.report.page import render, write_page
from tsreward.tuning.objective import Objective
from tsreward.tuning.results import Results, Tried, toml_text
from tsreward.tuning.space import Choice, Space

COLOR, BEST, DEFAULT = "#4c8bf5", "#e8833a", "#3aa675"
_COLUMNS = 3


def render_study(found: Results, space: Space, title: str) -> str:
    """Return the page; it holds no script and refers to nothing outside itself.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    drawn = {name for one in found.tried for name in one.setting}
    names = [name for name in space.parameters if name in drawn and name not in space.fixed]
    return render(
        "tsreward.tuning",
        "page.html",
        title=title,
        it=found,
        space=space,
        names=names,
        colors={"trial": COLOR, "best": BEST, "default": DEFAULT},
        course=_front(found) if len(found.figures) == 2 else _course(found),
        slices=[(figure, _slices(found, space, names, index)) for index, figure in enumerate(found.figures) if names],
    )


def _front(found: Results) -> str:
    """Draw the second figure of every trial over the first, and the front."""
    figure = new_figure(9.0, 4.2)
    axis = figure.subplots()
    values = np.array([one.values for one in found.tried])
    axis.scatter(*values.T, s=14, color=COLOR, alpha=0.6, linewidths=0)
    front = np.array([one.values for one in found.front])
    axis.step(*front.T, where="post", color=INK, linewidth=0.7)
    _mark(axis, found, lambda one: one.values)
    axis.set(xlabel=found.figures[0], ylabel=found.figures[1])
    figure.subplots_adjust(left=0.08, right=0.98, top=0.98, bottom=0.11)
    return svg_of(figure)


def _course(found: Results) -> str:
    """Draw the first figure over the trials, and the best so far of those that keep all limits."""
    figure = new_figure(9.0, 3.2)
    axis = figure.subplots()
    for allowed, color in ((True, COLOR), (False, "#999999")):
        shown = [one for one in found.tried if one.allowed == allowed]
        axis.scatter([one.number for one in shown], [one.values[0] for one in shown], s=14, color=color, linewidths=0)
    kept = [one for one in found.tried if one.allowed]
    if kept:
        best = np.maximum.accumulate if found.directions[0] == "maximize" else np.minimum.accumulate
        line = best([one.values[0] for one in kept])
        axis.step([one.number for one in kept], line, where="post", color=INK, linewidth=0.7)
    _mark(axis, found, lambda one: (one.number, one.values[0]))
    axis.set(xlabel="trial", ylabel=found.figures[0])
    axis.locator_params(axis="x", integer=True)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.98, bottom=0.14)
    return svg_of(figure)


def _slices(found: Results, space: Space, names: Sequence[str], index: int) -> str:
    """Draw a figure over every parameter, numbered from 1 in the order of the names."""
    rows = -(-len(names) // _COLUMNS)
    figure = new_figure(9.0, 1.9 * rows)
    axes = np.atleast_1d(figure.subplots(rows, _COLUMNS, squeeze=False)).ravel()
    for number, axis in enumerate(axes):
        if number >= len(names):
            axis.remove()
            continue
        parameter, shown = space.parameters[names[number]], [one for one in found.tried if names[number] in one.setting]

        def place(one: Tried, name: str = names[number], parameter: Any = parameter) -> tuple[Any, float]:
            value = one.setting[name]
            return parameter.options.index(value) if isinstance(parameter, Choice) else value, one.values[index]

        if shown:
            axis.scatter(*np.array([place(one) for one in shown]).T, s=8, color=COLOR, alpha=0.6, linewidths=0)
        _mark(axis, found, lambda one, place=place, name=names[number]: place(one) if name in one.setting else None)
        if isinstance(parameter, Choice):
            axis.set_xticks(range(len(parameter.options)), [str(place + 1) for place in range(len(parameter.options))])
            axis.set_xlim(-0.5, len(parameter.options) - 0.5)
        elif parameter.log:
            axis.set_xscale("log")
            axis.minorticks_off()
            axis.set_xticks([parameter.low, parameter.high], [f"{parameter.low:g}", f"{parameter.high:g}"])
        axis.set_title(f"{number + 1} {names[number]}", fontsize=8, color=INK)
    figure.subplots_adjust(left=0.06, right=0.98, top=1 - 0.22 / (1.9 * rows), bottom=0.2 / rows / 1.2, hspace=0.5)
    return svg_of(figure)


def _mark(axis: Any, found: Results, place: Any) -> None:
    for one, color, shape in ((found.default, DEFAULT, "s"), (found.best, BEST, "D")):
        spot = None if one is None else place(one)
        if spot is not None:
            axis.scatter([spot[0]], [spot[1]], s=34, color=color, marker=shape, zorder=3, linewidths=0)


def write_results(found: Results, objective: Objective, folder: Path, title: str) -> None:
    """Write the files into a folder, which is created; each of them is whole or the one of before.

    Raises:
        DataError: the folder cannot be written to.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    page = render_study(found, objective.space, title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot create {folder}: {error.strerror}. Name another folder with --out.") from error
    chosen = {f"front-{one.number}.toml": one for one in found.front} | {"best.toml": found.best}
    for old in folder.glob("front-*.toml"):
        if old.name not in chosen:
            old.unlink(missing_ok=True)
    for name, one in chosen.items():
        write_atomic(folder / name, _config(one, found, objective, title).encode())
    write_atomic(folder / "results.json", (json.dumps(found.as_json(), indent=1) + "\n").encode())
    write_page(folder / "report.html", page)


def _config(one: Tried, found: Results, objective: Objective, title: str) -> str:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in zip(found.figures, one.values, strict=True))
    remarks = [
        f"{title}, trial {one.number}: {figures}",
        f"Read by tsreward {' and '.join(objective.config(one.setting))} --config FILE",
    ]
    if not one.allowed:
        remarks.append("It exceeds a limit, like all others: raise the limit, or search for longer.")
    if "smoothing" in one.setting:
        remarks.append(
            f"Part of the setting, but no option of fit: scores averaged over {one.setting['smoothing']} rows"
        )
    return toml_text(objective.config(one.setting), remarks)
