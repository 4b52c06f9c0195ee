"""The search: settings are drawn here, evaluated in processes of their own, and written down when they are through."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tsreward.errors import DataError, OptionError
from tsreward.tuning.budget import ERROR, claim, fail, finished, give_back, tidy
from tsreward.tuning.deferral import deferred
from tsreward.tuning.objective import Outcome
from tsreward.tuning.pool import Death, Pool, Start
from tsreward.tuning.samplers import make_pruner, make_sampler
from tsreward.tuning.study import OpenStudy
from tsreward.tuning.watch import Watch
from tsreward.tuning.worker import Ended, Reported

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler

FRUITLESS = 5
"""A search ends where so many trials have failed and none has worked."""


@dataclass(frozen=True)
class SearchOptions:
    """How a space is searched."""

    trials: int = 40
    """Trials of the study in all, on all machines and over all interruptions; the first is the default setting."""
    workers: int = 1
    """Trials that run here at a time, each in a process with one thread."""
    sampler: Literal["tpe", "nsga2", "gp", "random"] = "tpe"
    """Optuna's sampler; gp is a Gaussian process."""
    pruner: Literal["auto", "median", "hyperband", "none"] = "auto"
    """What ends trials early whose curve is poor. Optuna does so with one figure only: auto is median there, and none
    with two."""
    search_seed: int = 0
    """What is drawn follows from it and from the trials before; with one worker, interruptions change nothing."""
    heartbeat: float = 10.0
    """Seconds between two signs of life of a trial."""
    grace: float = 120.0
    """A trial without a sign of life for so many seconds is given to another process."""

    def __post_init__(self) -> None:
        for name in ("trials", "workers"):
            if getattr(self, name) < 1:
                raise OptionError(f"SearchOptions.{name} must be at least 1, got {getattr(self, name)}.")
        if not 0 <= self.search_seed < 2**32:
            raise OptionError(f"SearchOptions.search_seed is an integer from 0 to 2**32 - 1, got {self.search_seed}.")
        if not 0 < 2 * self.heartbeat <= self.grace:
            raise OptionError(
                f"SearchOptions.grace must be at least two heartbeats, got {self.grace} and {self.heartbeat} seconds."
            )


def search(
    study: OpenStudy,
    options: SearchOptions,
    progress: Callable[[int, int], None] | None = None,
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
        OptionError: pruning with several figures.
        DataError: the first trials all failed.
        MissingExtraError: the sampler needs a package that is not installed.
    """
    objective = study.objective
    study.study.pruner = make_pruner(options.pruner, len(objective.figures), objective.steps)
    make_sampler(options.sampler, 0)
    closed = () if study.presence is None else (study.presence.file,)
    watch, pool = Watch(study, options.heartbeat, options.grace), Pool(objective, start, closed)
    try:
        done = _tell(study, options, progress)
        while done < options.trials:
            _fill(study, options, pool)
            ended = not len(pool)  # then others are at work
            for trial, event in pool.events(min(1.0, options.heartbeat) if ended else options.heartbeat):
                with deferred():
                    _handle(study, pool, trial, event)
                ended |= not isinstance(event, Reported)
            if ended:
                done = _tell(study, options, progress)
            watch.turn(pool.numbers())
    finally:
        left = pool.numbers()
        pool.kill()
        for number in left:  # Ctrl-C, or an error
            give_back(study, number)
    tidy(study)


def _fill(study: OpenStudy, options: SearchOptions, pool: Pool) -> None:
    """Start trials until as many run as may."""

    def sampler(share: int) -> BaseSampler:
        # One seed for every share of the budget: after an interruption, the same is drawn as without one.
        sequence = np.random.SeedSequence([options.search_seed, share])
        return make_sampler(options.sampler, int(sequence.generate_state(1)[0]))

    while len(pool) < options.workers:
        with deferred(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what samplers remark on themselves
            trial = claim(study, options.trials, sampler)
            if trial is None:
                return
            pool.start(trial, study.objective.space.suggest(trial))


def _handle(study: OpenStudy, pool: Pool, trial: optuna.Trial, event: Reported | Ended | Death) -> None:
    if isinstance(event, Reported):
        go_on = True
        if len(study.objective.figures) == 1 and math.isfinite(event.value):
            trial.report(event.value, event.step)
            go_on = event.step + 1 >= study.objective.steps or not trial.should_prune()
        pool.answer(trial, go_on)
    elif isinstance(event, Death):
        give_back(study, trial.number, died=event.cause)
    elif event.error is not None:
        fail(study, trial.number, event.error)
    elif event.outcome is None:
        import optuna

        study.study.tell(trial, state=optuna.trial.TrialState.PRUNED, skip_if_finished=True)
    else:
        _write_down(study, trial, event.outcome)


def _write_down(study: OpenStudy, trial: optuna.Trial, outcome: Outcome) -> None:
    import optuna

    if not all(map(math.isfinite, (*outcome.values, *outcome.constraints.values()))):
        fail(study, trial.number, f"The figures are {', '.join(map(str, outcome.values))}.")
        return
    try:
        for name, excess in outcome.constraints.items():
            trial.set_constraint(name, excess)
        for name, detail in outcome.details.items():
            trial.set_user_attr(name, detail)
        study.study.tell(trial, list(outcome.values), skip_if_finished=True)
    except optuna.exceptions.UpdateFinishedTrialError:  # it had been taken for dead, and another process has it
        return


def _tell(study: OpenStudy, options: SearchOptions, progress: Callable[[int, int], None] | None) -> int:
    """Tell how many trials are finished, and return it."""
    trials = study.trials()
    errors = [trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs]
    done = finished(trials)
    if len(errors) >= FRUITLESS and len(errors) == done:
        raise DataError(f"The first {len(errors)} trials have failed, the last: {errors[-1]}")
    if progress is not None:
        progress(min(done, options.trials), options.trials)
    return done
