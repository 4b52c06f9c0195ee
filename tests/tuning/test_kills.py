"""Whatever is killed: no finished trial is lost, none stays running, and the budget is met exactly."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

from tests.reliability.crashes import fork, one_thread
from tests.tuning.cheap import Cheap
from tsreward.tuning.budget import finished
from tsreward.tuning.search import SearchOptions, search
from tsreward.tuning.study import opened

BUDGET = 5


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with one_thread():
        run(tmp_path / "warm.db", 1)  # whatever is imported or prepared late is then there in every child
        yield tmp_path


def options(workers: int) -> SearchOptions:
    return SearchOptions(trials=BUDGET, workers=workers, sampler="random", heartbeat=0.2, grace=1.0)


def run(path: Path, workers: int, tell: Callable[[int], object] = lambda done: None) -> None:
    with opened(str(path), Cheap(seconds=0.05)) as study:
        search(study, options(workers), lambda done, total: tell(done), start="fork")


def read(path: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        return optuna.load_study(study_name="cheap", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def kill_tuners(folder: Path, kills: int, tuners: int, workers: int, seed: int) -> Counter[str]:
    """Kill that many times all tuners of a study at a random moment; return what went wrong, and how much was done.

    "lost": fewer trials were finished than had been told of. "running", "waiting", "budget": trials left in such a
    state, and studies with another number of finished trials, after the next tuner was through. "doubles": two trials
    of one number. "unfinished": kills that left a trial running.
    """
    draw, seen, number = random.Random(seed), Counter[str](), 0
    while seen["kills"] < kills:
        path = folder / f"study-{number}.db"
        number += 1
        while seen["kills"] < kills:
            told = _kill_once(path, tuners, workers, draw)
            seen["kills"] += 1
            trials = read(path) if path.exists() else []
            seen["lost"] += finished(trials) < told
            seen["unfinished"] += any(trial.state.name == "RUNNING" for trial in trials)
            if finished(trials) >= BUDGET:
                break
        run(path, workers)
        trials = read(path)
        seen["running"] += sum(trial.state.name == "RUNNING" for trial in trials)
        seen["waiting"] += sum(trial.state.name == "WAITING" for trial in trials)
        seen["budget"] += finished(trials) != BUDGET
        seen["doubles"] += len({trial.number for trial in trials}) != len(trials)
        seen["studies"] += 1
    return seen


def _kill_once(path: Path, tuners: int, workers: int, draw: random.Random) -> int:
    """Return the largest number of finished trials that any of the killed tuners told of."""
    reading, writing = os.pipe()
    children = [fork(lambda: run(path, workers, lambda done: os.write(writing, bytes([done])))) for _ in range(tuners)]
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read(tuners + draw.randrange(4))  # each tells of what is there when it begins
        time.sleep(draw.uniform(0, 0.1))
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
        return max(told + pipe.read(), default=0)


def test_killed_workers(folder: Path) -> None:
    """The settings of the killed are tried again, and the budget is met exactly."""
    deaths = folder / "deaths"
    deaths.mkdir()
    with opened(str(folder / "study.db"), Cheap(seconds=0.05, deaths=str(deaths))) as study:
        search(study, options(workers=1), start="fork")
        trials = study.trials()
    assert len(list(deaths.iterdir())) == 2
    assert Counter(trial.state.name for trial in trials) == {"COMPLETE": BUDGET, "FAIL": 2}
    complete = [trial.params for trial in trials if trial.state.name == "COMPLETE"]
    assert all(trial.params in complete for trial in trials if trial.state.name == "FAIL")


def test_kills(folder: Path) -> None:
    seen = Counter[str]()
    for tuners, workers, kills in ((1, 1, 3), (1, 4, 3), (3, 1, 2)):
        place = folder / f"{tuners}-{workers}"
        place.mkdir()
        seen += kill_tuners(place, kills, tuners, workers, seed=tuners + workers)
    assert {name: seen[name] for name in ("lost", "running", "waiting", "budget", "doubles") if seen[name]} == {}
    assert seen["kills"] == 8
    assert seen["unfinished"] > 0  # else the kills never came at a bad time, and nothing was tested
