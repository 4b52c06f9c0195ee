"""The page of a study, and the files beside it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.report.drawing import GREEN, INK, ORANGE, check_drawing, svg_of
from tsreward.report.page import render, write_page
from tsreward.tuning.objective import Objective
from tsreward.tuning.results import CompleteTrial, Results, toml_text
from tsreward.tuning.space import Categorical, Parameter, Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

BEST, DEFAULT = ORANGE, GREEN


def render_study(found: Results, space: Space, title: str) -> str:
    """Return the page, with Optuna's plots; it holds no script and refers to nothing outside itself.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    drawn = {name for one in found.complete for name in one.setting}
    names = [name for name in space.parameters if name in drawn and name not in space.fixed]
    return render(
        "tsreward.tuning",
        "page.html",
        title=title,
        it=found,
        space=space,
        names=names,
        colors={"best": BEST, "default": DEFAULT},
        search=_pareto_front(found) if len(found.directions) == 2 else _history(found),
        slices=[
            (objective, [_slice(found, name, space.parameters[name], index) for name in names])
            for index, objective in enumerate(found.directions)
            if names
        ],
    )


def _pareto_front(found: Results) -> str:
    with _optuna_plots() as plots:
        axis = plots.plot_pareto_front(found.study, target_names=list(found.directions))
        _mark(axis, found, lambda one: one.values)
        return _svg(axis, 9.0, 4.2)


def _history(found: Results) -> str:
    with _optuna_plots() as plots:
        axis = plots.plot_optimization_history(found.study, target_name=next(iter(found.directions)))
        _mark(axis, found, lambda one: (one.number, one.values[0]))
        axis.locator_params(axis="x", integer=True)
        return _svg(axis, 9.0, 3.2)


def _slice(found: Results, name: str, parameter: Parameter, index: int) -> str:
    """Draw an objective over a parameter."""

    def value(trial: FrozenTrial) -> float:
        return trial.values[index]

    with _optuna_plots() as plots:
        axis = plots.plot_slice(found.study, [name], target=value)
        axis.figure.axes[1].remove()  # the bar of colours, which is wider than the slice
        axis.set(xlabel="", ylabel="")
        if isinstance(parameter, Categorical):
            axis.tick_params(axis="x", labelrotation=20)
        return _svg(axis, 3.0, 2.0, name)


@contextmanager
def _optuna_plots() -> Iterator[Any]:
    """Give Optuna's plots, and take back the style that they set for the whole process."""
    check_drawing()
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as plots

    with pyplot.rc_context(), pyplot.ioff(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that plots are experimental, and that all trials have one value
        yield plots


def _svg(axis: Any, width: float, height: float, title: str = "") -> str:
    """Return one of Optuna's plots in the size and the colours of the page."""
    from matplotlib import pyplot

    figure = axis.figure
    figure.set_size_inches(width, height)
    figure.set_layout_engine("tight")
    axis.grid(False)
    axis.set_title(title, fontsize=8, color=INK)
    if axis.get_legend() is not None:
        axis.legend(frameon=False, fontsize=7, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    svg = svg_of(figure)
    pyplot.close(figure)
    return svg


def _mark(axis: Any, found: Results, place: Callable[[CompleteTrial], Any]) -> None:
    """Mark the default and the best setting, which Optuna does not know or names otherwise."""
    for name, one, color, shape in (("default", found.default, DEFAULT, "s"), ("best.toml", found.best, BEST, "D")):
        if one is not None:
            x, y = place(one)
            axis.scatter([x], [y], s=60, color=color, marker=shape, zorder=3, linewidths=0, label=name)


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
