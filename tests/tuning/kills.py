"""Tuners that are killed at any time, and go on."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from tests.reliability.crashes import fork
from tests.tuning.cheap import Cheap
from tsreward.tuning.budget import finished
from tsreward.tuning.search import SearchOptions, search
from tsreward.tuning.study import opened

BUDGET = 5
WRONG = ("lost", "running", "waiting", "budget", "doubles", "differ")
"""What counts as a failure of `kill_tuners`."""


def options(workers: int, sampler: Any = "random", pruner: Any = "auto") -> SearchOptions:
    """Return options whose dead are found soon."""
    return SearchOptions(trials=BUDGET, workers=workers, sampler=sampler, pruner=pruner, heartbeat=0.2, grace=1.0)


def run(path: Path, given: SearchOptions, tell: Callable[[int], object] = lambda done: None) -> None:
    """Search until the budget is met."""
    with opened(str(path), Cheap(seconds=0.05)) as study:
        search(study, given, lambda done, total: tell(done), start="fork")


def ended(trials: list[optuna.trial.FrozenTrial]) -> list[tuple[Any, ...]]:
    """Return the settings and values of the trials that ended."""
    return [(trial.params, trial.values) for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]


def read(path: Path) -> list[optuna.trial.FrozenTrial]:
    """Return all trials of a study, read without what is tested."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        return optuna.load_study(study_name="cheap", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def kill_tuners(
    folder: Path, kills: int, tuners: int, workers: int, seed: int, sampler: str = "random", pruner: str = "auto"
) -> Counter[str]:
    """Kill that many times all tuners of a study at a random moment; return what went wrong, and how much was done.

    "lost": fewer trials were finished than had been told of. "running", "waiting", "budget": trials left in such a
    state, and studies with another number of finished trials, after the next tuner was through. "doubles": two trials
    of one number. "differ", with one worker: other settings or values than those of a search that nothing interrupted.
    "unfinished": kills that left a trial running.
    """
    draw, seen, number = random.Random(seed), Counter[str](), 0
    given = options(workers, sampler, pruner)
    run(folder / "whole.db", given)  # whatever is imported or prepared late is then there in every child
    whole = ended(read(folder / "whole.db"))
    while seen["kills"] < kills:
        path = folder / f"study-{number}.db"
        number += 1
        while seen["kills"] < kills:
            told = _kill_once(path, tuners, given, draw)
            seen["kills"] += 1
            trials = read(path) if path.exists() else []
            seen["lost"] += finished(trials) < told
            seen["unfinished"] += any(trial.state.name == "RUNNING" for trial in trials)
            if finished(trials) >= BUDGET:
                break
        run(path, given)
        trials = read(path)
        seen["running"] += sum(trial.state.name == "RUNNING" for trial in trials)
        seen["waiting"] += sum(trial.state.name == "WAITING" for trial in trials)
        seen["budget"] += finished(trials) != BUDGET
        seen["differ"] += tuners == workers == 1 and ended(trials) != whole
        seen["doubles"] += len({trial.number for trial in trials}) != len(trials)
        seen["studies"] += 1
    return seen


def _kill_once(path: Path, tuners: int, given: SearchOptions, draw: random.Random) -> int:
    """Return the largest number of finished trials that any of the killed tuners told of."""
    reading, writing = os.pipe()
    children = [fork(lambda: run(path, given, lambda done: os.write(writing, bytes([done])))) for _ in range(tuners)]
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read(tuners + draw.randrange(4))  # each tells of what is there when it begins
        time.sleep(draw.uniform(0, 0.1))
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        return max(told + pipe.read(), default=0)
