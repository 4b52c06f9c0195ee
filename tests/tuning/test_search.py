"""Budgets, early ends, failures, interruptions; the processes here are forks, which start at once."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import optuna
import pytest
from optuna.samplers import RandomSampler

from tests.hanging import must_end
from tests.reliability.crashes import fork
from tests.tuning.cheap import SPACE, Cheap
from tsreward.errors import DataError, OptionError
from tsreward.tuning.budget import ERROR, PLACE, Heartbeats, claim, finished, give_back
from tsreward.tuning.objective import Outcome
from tsreward.tuning.results import results
from tsreward.tuning.search import SearchOptions, handle_event, make_pruner, make_sampler, search
from tsreward.tuning.study import opened
from tsreward.tuning.workers import Ended, Pool, Reported, deferred


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
def test_the_second_one_does_not_wait():
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == []


def test_nothing_comes_of_nothing():
    before = signal.getsignal(signal.SIGTERM)
    with deferred():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def run(path: Path, objective: Cheap, **options) -> list[optuna.trial.FrozenTrial]:
    told = []
    given = {"trials": 8, "sampler": "random"} | options
    with opened(str(path), objective) as study:
        search(study, SearchOptions(**given), lambda done, total: told.append(done), start="fork")
        assert told[-1] == given["trials"]
        return study.trials()


def test_the_budget_is_for_the_study_and_not_for_the_run(tmp_path):
    assert len(run(tmp_path / "s.db", Cheap(), trials=3)) == 3
    trials = run(tmp_path / "s.db", Cheap(), trials=5, workers=2)
    assert [trial.state.is_finished() for trial in trials] == [True] * 5
    assert len(run(tmp_path / "s.db", Cheap(), trials=4)) == 5
    assert SPACE.complete(trials[0].params) == SPACE.defaults()


@pytest.mark.parametrize(("sampler", "number"), [("tpe", 11), ("nsga2", 3), ("gp", 11)])
def test_samplers_with_two_objectives(tmp_path, sampler, number):
    """The first ten trials of tpe and gp are random."""
    trials = run(tmp_path / "s.db", Cheap(several=True), trials=number, sampler=sampler)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * number
    assert len({tuple(trial.params.items()) for trial in trials}) == number


def test_poor_trials_are_pruned(tmp_path):
    space = SPACE.fix(["count=1", "shape=absolute"])
    trials = run(tmp_path / "s.db", Cheap(space=space), trials=10)
    ended = [trial for trial in trials if trial.state.name == "PRUNED"]
    complete = [trial.value for trial in trials if trial.state.name == "COMPLETE" and trial.value is not None]
    assert ended
    assert all(len(trial.intermediate_values) < 4 for trial in ended)
    assert min(trial.intermediate_values[0] for trial in ended) > min(complete)


def test_a_limit_is_kept(tmp_path):
    trials = run(tmp_path / "s.db", Cheap(limit=2.0), trials=3, pruner="none")
    assert [trial.constraints["count"] for trial in trials] == [trial.params["count"] - 2.0 for trial in trials]


def test_failures_count_and_are_explained(tmp_path):
    trials = run(tmp_path / "s.db", Cheap(breaks="count", space=SPACE.fix(["place=1"])), trials=8)
    failed = [trial for trial in trials if trial.state.name == "FAIL"]
    assert 0 < len(failed) < 8
    assert finished(trials) == len(trials) == 8
    assert {trial.user_attrs["error"] for trial in failed} == {"The count is too small: take a larger one."}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        ("always", "The count is too small"),
        ("bug", "ZeroDivisionError: a bug"),
        ("dies", "3 processes died of it, .* SIGKILL"),
    ],
)
def test_a_search_without_any_success_ends(tmp_path, monkeypatch, breaks, reason):
    monkeypatch.setattr("tsreward.tuning.search.MAX_FIRST_FAILURES", 2)
    with pytest.raises(DataError, match=f"The first 2 trials have failed, the last: .*{reason}"):
        run(tmp_path / "s.db", Cheap(breaks=breaks), trials=30)


def test_a_setting_is_tried_again_after_its_process_died(tmp_path, monkeypatch):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        for deaths in range(3):
            trial = claim(study, 4, RandomSampler)
            assert trial is not None
            assert SPACE.suggest(trial) == SPACE.defaults()
            give_back(study, trial.number, died="SIGKILL")
            assert study.trials()[trial.number].state.name == "FAIL"
            assert finished(study.trials()) == (deaths == 2)
        assert "3 processes died" in study.trials()[2].user_attrs[ERROR]


def test_more_than_the_budget_is_not_claimed(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        claimed = [claim(study, 2, RandomSampler) for _ in range(4)]
        assert [trial is None for trial in claimed] == [False, False, True, True]
        study.study.enqueue_trial({})
        study.study.enqueue_trial({})
        assert claim(study, 2, RandomSampler) is None
        give_back(study, 0)
        retried = claim(study, 2, RandomSampler)
        assert retried is not None
        assert claim(study, 2, RandomSampler) is None


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")  # that trials are asked for outside of Study.optimize
def test_silent_trials_of_others_are_given_back(tmp_path):
    """The silent one has no heartbeat at all, as if its process was killed before the first."""
    with opened(str(tmp_path / "s.db"), Cheap()) as study, must_end():
        heartbeats = Heartbeats(study, heartbeat=0.01, grace=1.0)
        silent, own, lively = (claim(study, 9, RandomSampler) for _ in range(3))
        assert silent is not None and own is not None and lively is not None
        SPACE.suggest(silent)
        while study.trials()[silent.number].state.name == "RUNNING":
            time.sleep(0.02)
            study.storage.beat(study.study, [lively.number])
            heartbeats.turn([own.number])
        assert [trial.state.name for trial in study.trials()] == ["FAIL", "RUNNING", "RUNNING", "WAITING"]
        again = claim(study, 9, RandomSampler)
        assert again is not None
        assert SPACE.suggest(again) == SPACE.defaults()


def test_a_trial_that_was_given_to_another_process_ends_here(tmp_path):
    """A machine that was suspended comes too late with a report, a value and a failure."""
    answers = []
    pool = cast(Pool, SimpleNamespace(answer=lambda trial, go_on: answers.append(go_on)))
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        trial = claim(study, 9, RandomSampler)
        assert trial is not None
        give_back(study, trial.number)
        for event in (Reported(0, 1.0), Ended(), Ended(Outcome((1.0,), {"count": 0.0}, {"a": 1})), Ended(error="no")):
            handle_event(study, pool, trial, event)
        assert answers == [False]
        assert study.trials()[0].state.name == "FAIL"
        assert set(study.trials()[0].user_attrs) == {PLACE}


def test_the_default_is_tried_though_its_process_was_killed_before_it_was_drawn(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        trial = claim(study, 9, RandomSampler)
        assert trial is not None and trial.params == {}
        give_back(study, trial.number)
        again = claim(study, 9, RandomSampler)
        assert again is not None
        assert study.objective.space.suggest(again) == study.objective.space.defaults()


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_cleanly_and_the_same_goes_on(tmp_path):
    path = tmp_path / "s.db"
    reading, writing = os.pipe()

    def tune() -> None:
        with opened(str(path), Cheap(seconds=0.4)) as study:
            options = SearchOptions(trials=6, workers=2, sampler="random")
            search(study, options, lambda done, total: os.write(writing, bytes([done])), start="fork")

    child = fork(tune)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        pipe.read(3)  # the beginning, and two trials
        time.sleep(0.1)
        os.kill(child, signal.SIGINT)
        pipe.read()
    assert os.waitpid(child, 0)[1] != 0
    with opened(str(path), Cheap()) as study:
        states = [trial.state.name for trial in study.trials()]
        assert study.lock is not None
        assert study.lock.alone
    assert "RUNNING" not in states
    trials = run(path, Cheap(), trials=6)
    assert finished(trials) == 6
    assert not {"RUNNING", "WAITING"} & {trial.state.name for trial in trials}


def test_interruptions_change_nothing_with_one_worker(tmp_path):
    """The settings drawn and the values found are those of a run that was never killed, pruned trials included."""
    straight = run(tmp_path / "straight.db", Cheap(), trials=12, sampler="tpe")
    path = tmp_path / "killed.db"
    for wait in (2, 3):
        reading, writing = os.pipe()

        def tune(writing: int = writing) -> None:
            with opened(str(path), Cheap(seconds=0.02)) as study:
                options = SearchOptions(trials=12)
                search(study, options, lambda done, total: os.write(writing, bytes([done])), start="fork")

        child = fork(tune)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            pipe.read(wait)
            time.sleep(0.01 * wait)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    resumed = run(path, Cheap(), trials=12, sampler="tpe")

    def found(trials):
        ended = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
        return [(trial.state, trial.params, trial.values) for trial in ended]

    assert len(found(resumed)) == 12
    assert found(resumed) == found(straight)


def test_processes_of_their_own(tmp_path):
    """The way that is used outside of tests, where a process begins with nothing of this one."""
    with opened(str(tmp_path / "s.db"), Cheap(several=True)) as study:
        search(study, SearchOptions(trials=3, workers=2))
        assert results(study).states == {"complete": 3, "pruned": 0, "failed": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials must be an integer >= 1, got 0"),
        ({"workers": 0}, "workers must be an integer >= 1, got 0"),
        ({"search_seed": -1}, r"search_seed must be an integer in \[0, 4294967295\]"),
        ({"heartbeat": 20.0, "grace": 30.0}, "at least two heartbeats"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=message):
        SearchOptions(**options)


def test_samplers_and_pruners_by_name():
    with pytest.raises(OptionError, match="Unknown sampler 'nsga': did you mean 'nsga2'"):
        make_sampler("nsga", 0)
    with pytest.raises(OptionError, match="Unknown pruner 'medain': did you mean 'median'"):
        make_pruner("medain", 1, 4)
    with pytest.raises(OptionError, match="prunes only studies with one objective, this one has 2"):
        make_pruner("median", 2, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert isinstance(make_pruner("hyperband", 1, 8), optuna.pruners.HyperbandPruner)
    assert type(make_pruner("auto", 1, 1)).__name__ == "NopPruner"
