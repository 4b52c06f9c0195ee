"""What a study leaves: its best trial, the TOML file, the tables."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.errors import DataError, OptionError
from tsreward.tuning.budget import DEATHS, ERROR, PLACE
from tsreward.tuning.objective import Direction
from tsreward.tuning.space import Setting
from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def toml_text(tables: Mapping[str, Mapping[str, Any]], comments: Sequence[str] = ()) -> str:
    """Return TOML with a table for every command, and comments above; None is written as the text "None".

    Raises:
        OptionError: a value that TOML does not have.

    >>> print(toml_text({"fit": {"scorer": "knn", "scorer.clip": None, "window": 4}}, ["the best of 40"]))
    # the best of 40
    <BLANKLINE>
    [fit]
    scorer = "knn"
    "scorer.clip" = "None"
    window = 4
    <BLANKLINE>
    """
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    for table, values in tables.items():
        lines += ["", f"[{_key(table)}]", *(f"{_key(name)} = {_value(value)}" for name, value in values.items())]
    return "\n".join([*lines, ""]).lstrip("\n")


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if value is None or isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise OptionError(f"TOML has no {type(value).__name__} like {value!r}: give a number, a text or a list of them.")


MIN_TRIALS_FOR_IMPORTANCES = 10
"""Complete trials; with fewer, importances are mostly noise."""


@dataclass(frozen=True)
class CompleteTrial:
    """A trial that was neither pruned nor failed."""

    number: int
    setting: Setting
    values: tuple[float, ...]
    feasible: bool
    """Whether all limits were kept."""
    violation: float
    """By how much they were exceeded, summed."""
    details: dict[str, Any]


@dataclass(frozen=True)
class Results:
    """What a study has found."""

    directions: dict[str, Direction]
    """Name of every objective -> maximize or minimize."""
    complete: tuple[CompleteTrial, ...]
    """By number; the first is the default setting unless that failed."""
    best: CompleteTrial
    default: CompleteTrial | None
    front: tuple[CompleteTrial, ...]
    """The Pareto front of several objectives, in the order of the first one; empty where there is one objective."""
    importances: dict[str, dict[str, float]]
    """Objective -> parameter -> importance, which add up to 1; empty where there are too few trials."""
    states: dict[str, int]
    """complete, pruned and failed -> trials."""
    errors: dict[int, str]

    def as_json(self) -> dict[str, Any]:
        """Return the content of results.json."""
        return {
            "directions": self.directions,
            "trials": self.states,
            "best": vars(self.best),
            "default": None if self.default is None else vars(self.default),
            "front": [vars(trial) for trial in self.front],
            "importances": self.importances,
            "errors": self.errors,
        }


def results(study: OpenStudy) -> Results:
    """Return what a study has found.

    With one objective, the best is the best feasible trial, or the one with the least violation where none is feasible.
    With several it is the trial on the Pareto front that lies nearest to the best value of every objective, each
    measured in the range it has on the front.

    Raises:
        DataError: no trial is complete.
    """
    space, trials = study.objective.space, study.trials()
    directions = study.objective.directions
    complete = tuple(
        _complete_trial(trial, setting)
        for trial in trials
        if trial.state.name == "COMPLETE" and (setting := space.complete(trial.params))
    )
    errors = {trial.number: trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs}
    if not complete:
        last = f" The last failed: {errors[max(errors)]}" if errors else ""
        raise DataError(
            f"None of {len(trials)} trials is complete: the study '{study.study.study_name}' has no best.{last}"
        )
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in directions.values()])
    front = _front(study.study, complete, signs) if len(directions) > 1 else ()
    counts = Counter(trial.state.name for trial in trials)
    return Results(
        directions,
        complete,
        _nearest(front, signs) if front else min(complete, key=lambda one: (one.violation, -signs[0] * one.values[0])),
        next((one for one in complete if one.setting == space.defaults()), None),
        front,
        _importances(study, len(complete)),
        {"complete": counts["COMPLETE"], "pruned": counts["PRUNED"], "failed": len(errors)},
        errors,
    )


def _complete_trial(trial: FrozenTrial, setting: Setting) -> CompleteTrial:
    violation = sum(max(0.0, over) for over in trial.constraints.values())
    known = {name: value for name, value in trial.user_attrs.items() if name not in (DEATHS, PLACE)}
    return CompleteTrial(trial.number, setting, tuple(trial.values), violation == 0, violation, known)


def _front(study: optuna.Study, complete: Sequence[CompleteTrial], signs: np.ndarray) -> tuple[CompleteTrial, ...]:
    best = {trial.number for trial in study.best_trials}
    front = [one for one in complete if one.number in best]
    return tuple(sorted(front, key=lambda one: tuple(-signs * np.array(one.values))))


def _nearest(front: Sequence[CompleteTrial], signs: np.ndarray) -> CompleteTrial:
    values = signs * np.array([one.values for one in front])
    extent = np.ptp(values, axis=0)
    distance = ((values.max(axis=0) - values) / np.where(extent > 0, extent, 1.0)) ** 2
    return front[int(distance.sum(axis=1).argmin())]


def _importances(study: OpenStudy, complete: int) -> dict[str, dict[str, float]]:
    if complete < MIN_TRIALS_FOR_IMPORTANCES:
        return {}
    import optuna

    found = {}
    for index, name in enumerate(study.objective.directions):

        def target(trial: FrozenTrial, index: int = index) -> float:
            return trial.values[index]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that evaluators are experimental
            importances = optuna.importance.get_param_importances(study.study, target=target)
        found[name] = {parameter: round(float(value), 6) for parameter, value in importances.items()}
    return found
