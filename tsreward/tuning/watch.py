"""Signs of life, and the trials of processes that are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsreward.tuning.budget import BEAT, give_back
from tsreward.tuning.study import OpenStudy

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


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
