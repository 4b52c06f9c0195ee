"""Where the next setting comes from, and which trials are ended early: Optuna's samplers and pruners by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from tsreward.errors import MissingExtraError, OptionError, missing_extra, unknown_name

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

POPULATION = 16
"""Of NSGA-II: studies of rewards have tens of trials, and the first generation is drawn at random."""


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(population_size=POPULATION, seed=seed)


def _gp(seed: int) -> BaseSampler:
    try:
        import scipy  # noqa: F401 - Optuna imports it late
    except ImportError as error:
        raise missing_extra("scipy", "logs") from error
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, warn_independent_sampling=False)


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {"tpe": _tpe, "nsga2": _nsga2, "gp": _gp, "random": _random}
"""Name -> function of a seed."""

PRUNERS = ("median", "hyperband", "none")


def make_sampler(name: str, seed: int) -> BaseSampler:
    """Return a sampler.

    Raises:
        OptionError: an unknown name.
        MissingExtraError: it needs a package that is not installed.

    >>> type(make_sampler("tpe", 0)).__name__
    'TPESampler'
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some samplers are called experimental
            return SAMPLERS[name](seed)
    except MissingExtraError:
        raise
    except ImportError as error:
        raise missing_extra("optuna", "tune") from error


def make_pruner(name: str, figures: int, steps: int) -> BasePruner:
    """Return a pruner for curves of so many steps.

    `auto` is the median where one figure is tuned and its curve has at least two steps, and none elsewhere.

    Raises:
        OptionError: an unknown name, or pruning with several figures, which Optuna does not do.

    >>> type(make_pruner("auto", figures=2, steps=8)).__name__
    'NopPruner'
    """
    if name not in (*PRUNERS, "auto"):
        raise unknown_name("pruner", name, [*PRUNERS, "auto"])
    if name not in ("none", "auto") and figures > 1:
        raise OptionError(
            f"Optuna ends trials early only where one figure is tuned, here are {figures}: take --pruner none, or tune "
            f"the return under a --cost-limit."
        )
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner

    if name == "none" or (name == "auto" and (figures > 1 or steps < 2)):
        return NopPruner()
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=max(1, steps))
    return MedianPruner(n_startup_trials=5, n_warmup_steps=max(0, steps // 4 - 1))
