"""One search: its budget, what is watched, and the loop over trials."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tsreward.errors import DataError, OptionError
from tsreward.tuning.objective import Outcome
from tsreward.tuning.pool import Death, Ended, Pool, Reported, Start
from tsreward.tuning.samplers import make_pruner, make_sampler
from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler


RETRIES = 2
"""How often a setting is tried again after a process died of it; then it counts as failed."""
ERROR = "error"
"""Attribute of a trial whose setting failed: why."""
DEATHS, BEAT = "deaths", "beat"
"""Attributes of a trial: how many processes died of its setting; when its process last said that it lives."""


def finished(trials: Sequence[FrozenTrial]) -> int:
    """Return how many trials have used up their share of the budget."""
    return sum(trial.state.is_finished() and _counts(trial) for trial in trials)


def claim(study: OpenStudy, budget: int, sampler: Callable[[int], BaseSampler]) -> optuna.Trial | None:
    """Return a trial that may run now, one that was interrupted or a new one, or None where there is none.

    What is drawn for it comes from `sampler`, a function of the number of trials that count: that is the same after an
    interruption as without one.
    """
    trials = study.trials()
    share = sum(map(_counts, trials))
    if share - sum(trial.state.name == "WAITING" for trial in trials) >= budget:
        return None
    study.study.sampler = sampler(share)
    trial = study.study.ask()
    if sum(_counts(other) for other in study.trials() if other.number < trial.number) < budget:
        return trial
    interrupt(study, trial.number)
    return None


def fail(study: OpenStudy, number: int, reason: str) -> None:
    """End a trial whose setting does not work: it counts."""
    import optuna

    try:
        study.storage.set_trial_user_attr(study.id_of(number), ERROR, reason)
    except optuna.exceptions.UpdateFinishedTrialError:  # it was given to another process
        return
    interrupt(study, number)


def interrupt(study: OpenStudy, number: int) -> bool:
    """End a trial; tell whether it had not ended already."""
    import optuna

    try:
        return study.storage.set_trial_state_values(study.id_of(number), optuna.trial.TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        return False


def give_back(study: OpenStudy, number: int, died: str | None = None) -> None:
    """End a trial that does not count, and queue its setting again; where processes have `died` of it, not for ever."""
    trial = study.trials()[number]
    deaths = trial.user_attrs.get(DEATHS, 0) + (died is not None)
    if died is not None and deaths > RETRIES:
        fail(study, number, f"{deaths} processes died of it, the last by {died}.")
        return
    setting = study.objective.space.complete(trial.params)
    if interrupt(study, number) and setting is not None:
        # If this process is killed right here, the budget has room for another setting in its place.
        study.study.enqueue_trial(study.objective.space.searched(setting), user_attrs={DEATHS: deaths})


def tidy(study: OpenStudy) -> None:
    """End what still waits when the budget is used up."""
    for trial in study.trials():
        if trial.state.name == "WAITING":
            interrupt(study, trial.number)


def _counts(trial: FrozenTrial) -> bool:
    return trial.state.name != "FAIL" or ERROR in trial.user_attrs


@contextmanager
def deferred() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block has ended; the second of them ends it at once.

    Signals cannot be deferred outside of the main thread, and need not be: handlers run in that one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    before: dict[int, Any] = {}

    def wait(number: int, frame: Any) -> None:
        came.append((number, frame))
        if len(came) > 1:
            _deliver(before, came.pop())

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.getsignal(number)
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None was not set from Python
                signal.signal(number, handler)
        if came:
            _deliver(before, came[0])


def _deliver(before: dict[int, Any], signalled: tuple[int, Any]) -> None:
    number, frame = signalled
    handler = before[number]
    if callable(handler):
        handler(number, frame)
    elif handler is signal.SIG_DFL:
        signal.signal(number, handler)
        signal.raise_signal(number)


class Watch:
    """Gives signs of life for the own trials, and takes back those of processes that are gone.

    Whatever runs in a file that nobody else had open has been killed. Elsewhere a trial is taken for dead when its sign
    of life has not changed for `grace` seconds of this process's own clock: those of other machines may be wrong.
    """

    def __init__(self, study: OpenStudy, heartbeat: float, grace: float) -> None:
        self._study, self._heartbeat, self._grace = study, heartbeat, grace
        self._seen: dict[int, tuple[object, float]] = {}
        self._last = time.monotonic()
        if study.presence is not None:
            if study.presence.alone:
                for trial in _running(study):
                    give_back(study, trial.number)
            study.presence.share()

    def turn(self, own: Sequence[int]) -> None:
        """Do both, where it is time."""
        if time.monotonic() - self._last < self._heartbeat:
            return
        self._last = time.monotonic()
        for number in own:
            _beat(self._study, number)
        for trial in _running(self._study):
            pulse = trial.user_attrs.get(BEAT)
            if trial.number in own:
                continue
            if trial.number not in self._seen or self._seen[trial.number][0] != pulse:
                self._seen[trial.number] = (pulse, self._last)
            elif self._last - self._seen[trial.number][1] > self._grace:
                give_back(self._study, trial.number)


def _running(study: OpenStudy) -> list[FrozenTrial]:
    return [trial for trial in study.trials() if trial.state.name == "RUNNING"]


def _beat(study: OpenStudy, number: int) -> None:
    import optuna

    try:
        study.storage.set_trial_user_attr(study.id_of(number), BEAT, time.time())
    except optuna.exceptions.UpdateFinishedTrialError:  # it was taken for dead
        return


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
