"""One search: its options, Optuna's samplers and pruners by name, and the loop over trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tsreward.errors import DataError, MissingExtraError, OptionError, missing_extra, unknown_name
from tsreward.options import Options, option
from tsreward.tuning.budget import ERROR, PLACE, Heartbeats, claim, counts, drop_waiting, fail, finished, give_back
from tsreward.tuning.objective import Outcome
from tsreward.tuning.study import OpenStudy
from tsreward.tuning.workers import Death, Ended, Pool, Reported, Start, deferred

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

MAX_FIRST_FAILURES = 5
"""A search ends where so many trials have failed and none has worked."""


@dataclass(frozen=True)
class SearchOptions(Options):
    """How a space is searched."""

    trials: int = 40
    """Trials of the study in all, on all machines and over all interruptions; the first is the default setting."""
    workers: int = 1
    """Trials that run here at a time, each in a process with one thread."""
    sampler: Literal["tpe", "nsga2", "gp", "random"] = "tpe"
    """Optuna's sampler; gp is a Gaussian process."""
    pruner: Literal["auto", "median", "hyperband", "none"] = "auto"
    """What ends trials early whose intermediate values are poor. Optuna prunes with one objective only: auto is median
    there, and none with two."""
    search_seed: int = option(0, low=0, high=2**32 - 1)
    """What is drawn follows from it and from the trials before; with one worker, interruptions change nothing."""
    heartbeat: float = option(10.0, above=0)
    """Seconds between two heartbeats of a trial."""
    grace: float = 120.0
    """A trial without a heartbeat for so many seconds is given to another process."""

    def check(self) -> None:
        if 2 * self.heartbeat > self.grace:
            self.refuse("grace", f"at least two heartbeats of {self.heartbeat} seconds")


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


def make_pruner(name: str, objectives: int, steps: int) -> BasePruner:
    """Return a pruner for trials that report so many intermediate values.

    `auto` is the median where there is one objective and trials report at least two values, and none elsewhere.

    Raises:
        OptionError: an unknown name, or pruning with several objectives, which Optuna does not do.

    >>> type(make_pruner("auto", objectives=2, steps=8)).__name__
    'NopPruner'
    """
    if name not in (*PRUNERS, "auto"):
        raise unknown_name("pruner", name, [*PRUNERS, "auto"])
    if name not in ("none", "auto") and objectives > 1:
        raise OptionError(
            f"Optuna prunes only studies with one objective, this one has {objectives}: take --pruner none, or tune "
            f"the return under a --cost-limit."
        )
    from optuna.pruners import MedianPruner, NopPruner

    if name == "none" or (name == "auto" and (objectives > 1 or steps < 2)):
        return NopPruner()
    if name == "hyperband":
        return _hyperband(max(1, steps))
    return MedianPruner(n_startup_trials=5, n_warmup_steps=max(0, steps // 4 - 1))


def _hyperband(steps: int) -> BasePruner:
    """Return Optuna's pruner, whose brackets go by a trial's place in the budget where Optuna's go by its number."""
    from optuna.pruners import HyperbandPruner

    class ByPlace(HyperbandPruner):
        def _get_bracket_id(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> int:
            if not counts(trial):  # what it has reported would count twice, once it is tried again
                return -1
            placed = copy(trial)
            placed.number = trial.user_attrs.get(PLACE, trial.number)
            return super()._get_bracket_id(study, placed)

    return ByPlace(min_resource=1, max_resource=steps)


def search(
    study: OpenStudy,
    options: SearchOptions,
    progress: Callable[[int, int], object] | None = None,
    start: Start = "server",
) -> None:
    """Go on with a study until its budget is used up.

    What is interrupted, here or by the end of another process, is tried again and does not count. A trial that
    `progress` has told of is in the study for good.

    Args:
        study: from `tsreward.tuning.study.opened`.
        options: how to search.
        progress: called with (trials finished, trials in all).
        start: how processes are started; `fork` is fast, but only for objectives that use no threads before.

    Raises:
        OptionError: pruning with several objectives.
        DataError: the first trials all failed.
        MissingExtraError: the sampler needs a package that is not installed.
    """
    objective = study.objective
    study.study.pruner = make_pruner(options.pruner, len(objective.directions), objective.steps)
    make_sampler(options.sampler, 0)
    closed = () if study.lock is None else (study.lock.file,)
    heartbeats, pool = Heartbeats(study, options.heartbeat, options.grace), Pool(objective, start, closed)
    try:
        done = _tell(study, options, progress)
        while done < options.trials:
            _fill(study, options, pool)
            ended = not len(pool)  # then others are at work
            for trial, event in pool.events(min(1.0, options.heartbeat) if ended else options.heartbeat):
                with deferred():
                    handle_event(study, pool, trial, event)
                ended |= not isinstance(event, Reported)
            if ended:
                done = _tell(study, options, progress)
            heartbeats.turn(pool.numbers())
    finally:
        left = pool.numbers()
        pool.kill()
        for number in left:  # Ctrl-C, or an error
            give_back(study, number)
    drop_waiting(study)


def _fill(study: OpenStudy, options: SearchOptions, pool: Pool) -> None:
    """Start trials until as many run as may."""

    def sampler(counted: int) -> BaseSampler:
        # One seed for every place in the budget: after an interruption, the same is drawn as without one.
        sequence = np.random.SeedSequence([options.search_seed, counted])
        return make_sampler(options.sampler, int(sequence.generate_state(1)[0]))

    while len(pool) < options.workers:
        with deferred(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that some samplers are experimental
            trial = claim(study, options.trials, sampler)
            if trial is None:
                return
            pool.start(trial, study.objective.space.suggest(trial))


def handle_event(study: OpenStudy, pool: Pool, trial: optuna.Trial, event: Reported | Ended | Death) -> None:
    """Write down what a trial has sent; nothing where the trial has meanwhile been given to another process."""
    if isinstance(event, Reported):
        pool.answer(trial, _goes_on(study, trial, event))
    elif isinstance(event, Death):
        give_back(study, trial.number, died=event.cause)
    elif event.error is not None:
        fail(study, trial.number, event.error)
    else:
        _write_down(study, trial, event.outcome)


def _goes_on(study: OpenStudy, trial: optuna.Trial, reported: Reported) -> bool:
    import optuna

    if len(study.objective.directions) > 1 or not math.isfinite(reported.value):
        return True
    try:
        trial.report(reported.value, reported.step)
    except optuna.exceptions.UpdateFinishedTrialError:
        return False
    return reported.step + 1 >= study.objective.steps or not trial.should_prune()


def _write_down(study: OpenStudy, trial: optuna.Trial, outcome: Outcome | None) -> None:
    import optuna

    try:
        if outcome is None:
            study.study.tell(trial, state=optuna.trial.TrialState.PRUNED, skip_if_finished=True)
            return
        if not all(map(math.isfinite, (*outcome.values, *outcome.constraints.values()))):
            fail(study, trial.number, f"The values are {', '.join(map(str, outcome.values))}.")
            return
        for name, excess in outcome.constraints.items():
            trial.set_constraint(name, excess)
        for name, detail in outcome.details.items():
            trial.set_user_attr(name, detail)
        study.study.tell(trial, list(outcome.values), skip_if_finished=True)
    except optuna.exceptions.UpdateFinishedTrialError:
        return


def _tell(study: OpenStudy, options: SearchOptions, progress: Callable[[int, int], object] | None) -> int:
    """Tell how many trials are finished, and return it."""
    trials = study.trials()
    errors = [trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs]
    done = finished(trials)
    if len(errors) >= MAX_FIRST_FAILURES and len(errors) == done:
        raise DataError(f"The first {len(errors)} trials have failed, the last: {errors[-1]}")
    if progress is not None:
        progress(min(done, options.trials), options.trials)
    return done
