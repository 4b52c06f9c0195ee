"""How many trials a study may have: exact with any number of processes, whichever of them are killed.

A trial counts unless it was interrupted. It may run if fewer trials than the budget count among those before it. What
was interrupted never counts again, so at no time do more trials that may run count than the budget has; and nobody
leaves before as many are finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

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
