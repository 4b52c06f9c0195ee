"""Whatever is killed: no finished trial is lost, none stays running, and the budget is met exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.crashes import one_thread
from tests.tuning.cheap import Cheap
from tests.tuning.kills import BUDGET, WRONG, kill_tuners, options, run
from tsreward.tuning.search import search
from tsreward.tuning.study import opened


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with one_thread():
        run(tmp_path / "warm.db", options(1))  # whatever is imported or prepared late is then there in every child
        yield tmp_path


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
    for tuners, workers, kills, sampler, pruner in (
        (1, 1, 2, "random", "auto"),
        (1, 1, 2, "tpe", "hyperband"),
        (1, 4, 2, "tpe", "hyperband"),
        (3, 1, 2, "random", "auto"),
    ):
        place = folder / f"{tuners}-{workers}-{sampler}"
        place.mkdir()
        seen += kill_tuners(place, kills, tuners, workers, tuners + workers, sampler, pruner)
    assert {name: seen[name] for name in WRONG if seen[name]} == {}
    assert seen["kills"] == 8
    assert seen["unfinished"] > 0  # else the kills never came at a bad time, and nothing was tested
