"""The budget of a study: which trials may run, which count, and what becomes of those that were interrupted.

Optuna's own callbacks do not keep what we promise. `MaxTrialsCallback` counts when a trial has ended, while others
still run: four processes with a maximum of 5 made 6 trials, then 7. `RetryHeartbeatStaleTrialCallback` also retries a
setting of which only some parameters were drawn, so that the rest comes out otherwise than without the interruption; it
counts interruptions as if the setting had killed its process; and it gives a setting up without a reason, so that the
trial would not count, and the same would be drawn in its place again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

RETRIES = 2
"""How often a setting is tried again after a process died of it; then it counts as failed."""
ERROR, DEATHS, PLACE = "error", "deaths", "place"
"""Attributes of a trial: why its setting failed; how many processes died of its setting; how many trials counted when
it began, which is the same after an interruption as without one, where its number is not."""


def finished(trials: Sequence[FrozenTrial]) -> int:
    """Return how many trials have used up their part of the budget."""
    return sum(trial.state.is_finished() and counts(trial) for trial in trials)


def claim(study: OpenStudy, budget: int, sampler: Callable[[int], BaseSampler]) -> optuna.Trial | None:
    """Return a trial that may run now, one that was interrupted or a new one, or None where there is none.

    What is drawn for it comes from `sampler`, a function of the number of trials that count: that is the same after an
    interruption as without one.
    """
    trials = study.trials()
    counted = sum(map(counts, trials))
    if counted - sum(trial.state.name == "WAITING" for trial in trials) >= budget:
        return None
    study.study.sampler = sampler(counted)
    trial = study.study.ask()
    place = sum(counts(other) for other in study.trials() if other.number < trial.number)
    if place < budget:
        trial.set_user_attr(PLACE, place)
        return trial
    study.storage.fail(study.study, trial.number)  # another process was faster
    return None


def fail(study: OpenStudy, number: int, reason: str) -> None:
    """End a trial whose setting does not work: it counts."""
    study.storage.fail(study.study, number, **{ERROR: reason})


def give_back(study: OpenStudy, number: int, died: str | None = None) -> None:
    """End a trial that does not count, and queue its setting again; where processes have `died` of it, not for ever."""
    trial = study.trials()[number]
    deaths = trial.user_attrs.get(DEATHS, 0) + (died is not None)
    if died is not None and deaths > RETRIES:
        fail(study, number, f"{deaths} processes died of it, the last by {died}.")
    elif study.storage.fail(study.study, number):
        _requeue(study, trial, deaths)


def _requeue(study: OpenStudy, trial: FrozenTrial, deaths: int) -> None:
    """Queue the setting of a trial that has ended, unless it had neither been queued nor drawn to its end.

    If this process is killed before, the budget has room for another setting in its place.
    """
    setting = study.objective.space.complete({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    if setting is not None:
        study.study.enqueue_trial(study.objective.space.searched(setting), user_attrs={DEATHS: deaths})


def drop_waiting(study: OpenStudy) -> None:
    """End what still waits when the budget is used up."""
    for trial in study.trials():
        if trial.state.name == "WAITING":
            study.storage.fail(study.study, trial.number)


def counts(trial: FrozenTrial) -> bool:
    """Tell whether a trial uses up a part of the budget: all do but those that were interrupted."""
    return trial.state.name != "FAIL" or ERROR in trial.user_attrs


class Heartbeats:
    """Records heartbeats of the own trials, and gives back those of processes that are gone.

    Whatever runs in a file that no other process had open has been killed. Elsewhere Optuna finds stale trials by their
    heartbeats.

    Args:
        study: to watch.
        heartbeat: seconds between two heartbeats of a trial.
        grace: seconds after which a trial without one is given back.
    """

    def __init__(self, study: OpenStudy, heartbeat: float, grace: float) -> None:
        self._study, self._heartbeat = study, heartbeat
        self._seen: set[int] = set()
        self._last = time.monotonic()
        study.storage.watch(heartbeat, grace, lambda trial: _requeue(study, trial, trial.user_attrs.get(DEATHS, 0)))
        if study.lock is not None:
            if study.lock.alone:
                for number in self._running():
                    give_back(study, number)
            study.lock.share()

    def turn(self, own: Sequence[int]) -> None:
        """Do both, where it is time."""
        if time.monotonic() - self._last < self._heartbeat:
            return
        self._last = time.monotonic()
        # Optuna never takes a trial for stale whose process was killed before its first heartbeat: whoever sees it
        # first records that one.
        new = self._running() - self._seen
        self._seen |= new
        self._study.storage.beat(self._study.study, {*own, *new})
        self._study.storage.fail_stale(self._study.study)

    def _running(self) -> set[int]:
        return {trial.number for trial in self._study.trials() if trial.state.name == "RUNNING"}
