"""The search spaces of all objectives, and what a setting of theirs stands for.

The ranges of the options of scorers and reward modes stand on their fields (`tsreward.options.option`). Raise a version
when a parameter comes to mean something else under the same name: studies of another version, or of other parameters,
are refused and not mixed. A name `knn.neighbours` is the option `neighbours` of the scorer `knn`; `scorer.` and
`reward.` stand for the scorer and the reward mode that are taken. The others are called as the options of `tsreward
fit`, those for likeness as the options of `tsreward train --reward likeness`; only `smoothing` is neither's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from tsreward.detection.detectors.presets import scorer_detector
from tsreward.errors import OptionError, unknown_name
from tsreward.options import Choices, Options, Range
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.rewards.base import MODES, RewardMode, RewardOptions
from tsreward.scorers.base import SCORERS, ScorerOptions
from tsreward.scorers.presets import ScorerPreset, scorer_names, scorer_preset
from tsreward.tuning.space import Categorical, Float, Int, Parameter, Setting, Space, When

# What is drawn depends on the order, so that it stays; scorers that are not listed come after these.
_ORDER = ("knn", "mahalanobis", "pca", "ridge_var", "deep_svdd", "lstm_vae", "transformer_ae", "forecaster", "dqn")


def search_space(objective: str, fixes: Sequence[str] = ()) -> Space:
    """Return what is searched for an objective, with parameters fixed or narrowed as `Space.fix` does.

    Scorers of other packages are searched where `fixes` names them, so that a study does not depend on what else is
    installed.

    Raises:
        OptionError: an unknown objective, or as `Space.fix`.

    >>> search_space("detect", ["scorer=knn,pca"]).parameters["scorer"].choices
    ('knn', 'pca')
    """
    if objective not in SPACES:
        raise unknown_name("objective", objective, SPACES)
    named = [name for fix in fixes for name in fix.removeprefix("scorer=").split(",") if fix.startswith("scorer=")]
    return SPACES[objective](named).fix(fixes)


def _anoseqs(named: Collection[str]) -> Space:
    searched = {"deep_sad": ("negative_weight", "embedding"), "semi_supervised_ae": ("negative_weight", "bottleneck")}
    more = [name for name in named if name in scorer_names() and name not in searched]
    parameters: dict[str, Parameter] = {
        "scorer": Categorical((*searched, *more), "deep_sad"),
        "window": Int(2, 16, 4, log=True),  # K
        "scorer.clip": Float(3.0, 30.0, 10.0, log=True),  # ± standard deviations of the normal steps
    }
    for name in (*searched, *more):
        parameters |= _of(name, scorer_preset(name).options, ScorerOptions, ("scorer", name), only=searched.get(name))
    modes = ("penalty", "lagrangian")
    parameters["reward"] = Categorical(modes, "penalty")
    parameters |= _of("reward", MODES["penalty"].Options(), only=RewardOptions.searched())
    for name in modes:
        parameters |= _of(name, MODES[name].Options(), RewardOptions, ("reward", name))
    return Space(1, parameters)


def _detect(named: Collection[str]) -> Space:
    own = [name for name in SCORERS.names(own=True) if not SCORERS[name].needs_negative]
    order = [*_ORDER, *(name for name in own if name not in _ORDER)]
    order += [name for name in named if name in SCORERS and name not in order]
    first = scorer_detector(order[0], 0).scorer_options
    parameters: dict[str, Parameter] = {
        "scorer": Categorical(tuple(order), order[0]),
        "window": Int(2, 32, 4, log=True),  # K
        "smoothing": Int(1, 64, 10, log=True),  # rows that scores are averaged over
        **_of("scorer", first, only=ScorerOptions.searched()),
    }
    for name in order:
        options = scorer_detector(name, 0).scorer_options
        parameters |= _of(name, options, ScorerOptions, ("scorer", name), negative=False)
    parameters["train.epochs"] = Int(1, 30, 3, log=True, when=("scorer", "deep_svdd"))
    return Space(1, parameters)


def _likeness(named: Collection[str]) -> Space:
    active, frozen = ("learning", "active"), ("learning", "frozen")
    bad = ("random", "failures", "probes", "random+failures+probes")
    by_labels = ("least_squares_sad", "deep_sad", "discriminator")
    parameters: dict[str, Parameter] = {
        "learning": Categorical(("active", "frozen"), "active"),
        "scorer": Categorical(by_labels, by_labels[0], when=active),  # frozen is deep_sad
        "window": Int(1, 8, 4, log=True),  # K
        "clip_low": Categorical((None, 0.01, 0.05, 0.25, 0.5), None, when=frozen),  # quantiles of the expert's scores
        "clip_high": Categorical((None, 0.99, 0.999), None, when=frozen),
        "negatives": Categorical(("none", *bad), "none"),
        "bonus": Categorical(("none", "rnd", "disagreement"), "none"),
        "bonus_weight": Float(0.01, 1.0, 0.1, log=True, when=("bonus", "rnd", "disagreement")),
    }
    for name, parameter in _of("active", ActiveLearnerOptions()).items():
        parameters[name] = replace(
            parameter, when=("negatives", *bad) if name == "active.negative_fraction" else active
        )
    return Space(1, parameters)


SPACES: dict[str, Callable[[Collection[str]], Space]] = {
    "anoseqs": _anoseqs,
    "likeness": _likeness,
    "detect": _detect,
}
"""Objective -> function of the scorers that are named, which returns what is searched for it."""


def _of(
    owner: str,
    options: Options,
    without: type[Options] = Options,
    when: When | None = None,
    only: Collection[str] | None = None,
    negative: bool = True,
) -> dict[str, Parameter]:
    """Return the parameters of options, whose values are the defaults, but for those of the class `without`."""
    ranges = type(options).searched(negative)
    names = [name for name in ranges if name not in without.searched()] if only is None else only
    return {
        f"{owner}.{name}": _parameter(f"{owner}.{name}", ranges[name], getattr(options, name), when) for name in names
    }


def _parameter(name: str, search: Range | Choices, default: object, when: When | None) -> Parameter:
    if isinstance(search, Range):
        kind = Int if isinstance(search.low, int) else Float
        parameter: Parameter = kind(search.low, search.high, default, search.log, when)  # type: ignore[arg-type]
        inside = isinstance(default, (int, float)) and search.low <= default <= search.high
    else:
        parameter, inside = Categorical(search, default, when), default in search  # type: ignore[arg-type]
    if not inside:
        raise OptionError(f"{name} is searched as {parameter}, which leaves out its default, {default}: widen it.")
    return parameter


def fit_options(setting: Setting) -> Setting:
    """Return a setting under the names of the options of `tsreward fit`.

    >>> fit_options({"scorer": "knn", "window": 4, "knn.neighbours": 7})
    {'scorer': 'knn', 'window': 4, 'scorer.neighbours': 7}
    """
    taken = {str(setting[kind]): kind for kind in ("scorer", "reward") if kind in setting}
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
    mode = MODES[str(setting["reward"])]
    return mode(mode.Options(**options_of("reward", setting)))


def options_of(kind: str, setting: Setting) -> dict[str, Any]:
    """Return the options of the scorer or the mode that a setting takes, by their names."""
    prefix = f"{kind}."
    return {name.removeprefix(prefix): value for name, value in fit_options(setting).items() if name.startswith(prefix)}
