"""From a setting to what it stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tsreward.rewards.base import MODES, RewardMode
from tsreward.scorers.presets import ScorerPreset, scorer_preset
from tsreward.tuning.space import Setting


def fit_options(setting: Setting) -> Setting:
    """Return a setting under the names of the options of `tsreward fit`.

    >>> fit_options({"scorer": "knn", "window": 4, "knn.neighbours": 7})
    {'scorer': 'knn', 'window': 4, 'scorer.neighbours': 7}
    """
    taken = {str(setting[kind]): kind for kind in ("scorer", "mode") if kind in setting}
    options: Setting = {}
    for name, value in setting.items():
        owner, dot, option = name.partition(".")
        options[f"{taken.get(owner, owner)}{dot}{option}"] = value
    return options


def scorer_of(setting: Setting) -> ScorerPreset:
    """Return the scorer that a setting names, with its options.

    Raises:
        OptionError: an option of it cannot have its value.
    """
    scorer = scorer_preset(str(setting["scorer"]))
    return replace(scorer, options=replace(scorer.options, **options_of("scorer", setting)))


def mode_of(setting: Setting) -> RewardMode:
    """Return the unfitted reward mode that a setting names, with its options.

    Raises:
        OptionError: an option of it cannot have its value.
    """
    mode = MODES[str(setting["mode"])]
    return mode(mode.Options(**options_of("mode", setting)))


def options_of(kind: str, setting: Setting) -> dict[str, Any]:
    """Return the options of the scorer or the mode that a setting takes, by their names."""
    prefix = f"{kind}."
    return {name.removeprefix(prefix): value for name, value in fit_options(setting).items() if name.startswith(prefix)}
