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
from tsreward.tuning.budget import DEATHS, ERROR
from tsreward.tuning.space import Setting
from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def toml_text(tables: Mapping[str, Mapping[str, Any]], remarks: Sequence[str] = ()) -> str:
    """Return TOML with a table for every command, and remarks above; None is written as the text "None".

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
    lines = [f"# {' '.join(remark.split())}" for remark in remarks]
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


FEWEST = 10
"""Complete trials below which nothing is said about importances."""


@dataclass(frozen=True)
class Tried:
    """A trial that ran to its end."""

    number: int
    setting: Setting
    values: tuple[float, ...]
    allowed: bool
    """Whether all limits were kept."""
    excess: float
    """By how much they were not, summed."""
    details: dict[str, Any]


@dataclass(frozen=True)
class Results:
    """What a study has found."""

    figures: tuple[str, ...]
    directions: tuple[str, ...]
    tried: tuple[Tried, ...]
    """By number; the first is the default setting unless that failed."""
    best: Tried
    default: Tried | None
    front: tuple[Tried, ...]
    """With several figures, the trials that no other beats in all of them, by the first figure."""
    importances: dict[str, dict[str, float]]
    """Figure -> parameter -> its share; empty where there are too few trials."""
    states: dict[str, int]
    """complete, pruned and failed -> trials."""
    errors: dict[int, str]

    def as_json(self) -> dict[str, Any]:
        """Return the content of results.json."""
        return {
            "figures": dict(zip(self.figures, self.directions, strict=True)),
            "trials": self.states,
            "best": vars(self.best),
            "default": None if self.default is None else vars(self.default),
            "front": [vars(tried) for tried in self.front],
            "importances": self.importances,
            "errors": self.errors,
        }


def results(study: OpenStudy) -> Results:
    """Return what a study has found.

    With one figure, the best is the best trial that keeps all limits, or the one that exceeds them least where none
    does. With several it is the one of the front that lies nearest to the best value of every figure, each measured in
    the range it has on the front.

    Raises:
        DataError: no trial has run to its end.
    """
    space, trials = study.objective.space, study.trials()
    figures = study.objective.figures
    tried = tuple(
        _tried(trial, setting) for trial in trials if _complete(trial) and (setting := space.complete(trial.params))
    )
    errors = {trial.number: trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs}
    if not tried:
        last = f" The last failed: {errors[max(errors)]}" if errors else ""
        raise DataError(
            f"None of {len(trials)} trials has run to its end: the study '{study.study.study_name}' has no best.{last}"
        )
    signs = np.array([1.0 if figure.direction == "maximize" else -1.0 for figure in figures])
    front = _front(tried, signs) if len(figures) > 1 else ()
    counts = Counter(trial.state.name for trial in trials)
    return Results(
        tuple(figure.name for figure in figures),
        tuple(figure.direction for figure in figures),
        tried,
        _nearest(front, signs) if front else min(tried, key=lambda one: (one.excess, -signs[0] * one.values[0])),
        next((one for one in tried if one.setting == space.defaults()), None),
        front,
        _importances(study, len(tried)),
        {"complete": counts["COMPLETE"], "pruned": counts["PRUNED"], "failed": len(errors)},
        errors,
    )


def _complete(trial: FrozenTrial) -> bool:
    return trial.state.name == "COMPLETE"


def _tried(trial: FrozenTrial, setting: Setting) -> Tried:
    excess = sum(max(0.0, over) for over in trial.constraints.values())
    known = {name: value for name, value in trial.user_attrs.items() if name != DEATHS}
    return Tried(trial.number, setting, tuple(trial.values), excess == 0, excess, known)


def _front(tried: Sequence[Tried], signs: np.ndarray) -> tuple[Tried, ...]:
    """Return the trials that no other equals in all figures and beats in one."""
    values = signs * np.array([one.values for one in tried])
    beaten = [((values >= own).all(axis=1) & (values > own).any(axis=1)).any() for own in values]
    front = [one for one, out in zip(tried, beaten, strict=True) if not out]
    return tuple(sorted(front, key=lambda one: tuple(-signs * np.array(one.values))))


def _nearest(front: Sequence[Tried], signs: np.ndarray) -> Tried:
    values = signs * np.array([one.values for one in front])
    spread = np.ptp(values, axis=0)
    distance = ((values.max(axis=0) - values) / np.where(spread > 0, spread, 1.0)) ** 2
    return front[int(distance.sum(axis=1).argmin())]


def _importances(study: OpenStudy, complete: int) -> dict[str, dict[str, float]]:
    if complete < FEWEST:
        return {}
    import optuna

    found = {}
    for index, figure in enumerate(study.objective.figures):

        def target(trial: FrozenTrial, index: int = index) -> float:
            return trial.values[index]

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that evaluators are experimental
            shares = optuna.importance.get_param_importances(study.study, target=target)
        found[figure.name] = {name: round(float(share), 6) for name, share in shares.items()}
    return found
