"""What is done to Optuna's storages beside what its studies offer; all of it stands in `tsreward.tuning.storage`."""

import time
from pathlib import Path

import optuna
import pytest

import tsreward.tuning
from tests.hanging import must_end
from tests.tuning.cheap import SPACE, Cheap
from tsreward.tuning.study import OpenStudy, opened

TRIED = ("5.0",)
"""Versions of Optuna that this module and test_kills.py passed with."""


def test_the_version_of_optuna_has_been_tried():
    version = ".".join(optuna.__version__.split(".")[:2])
    assert version in TRIED, f"Run tests/tuning with Optuna {version}; if all else passes, add it to TRIED."


def test_storages_are_touched_in_one_file_only():
    folder = Path(tsreward.tuning.__file__).parent
    touching = ("._storage", "._backend", "_trial_id", "_study_id", ".engine", "set_trial_", "optuna.storages")
    found = {file.name for file in folder.glob("*.py") for word in touching if word in file.read_text()}
    assert found == {"storage.py"}


def states(study: OpenStudy) -> list[str]:
    return [trial.state.name for trial in study.trials()]


def test_a_trial_is_ended_once_in_whatever_state(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        running = study.study.ask()
        study.study.enqueue_trial({"count": 2})
        assert states(study) == ["RUNNING", "WAITING"]
        assert [study.storage.fail(study.study, number) for number in (0, 1, 0)] == [True, True, False]
        assert states(study) == ["FAIL", "FAIL"]
        assert not study.storage.fail(study.study, 0, error="too late")
        assert study.trials()[0].user_attrs == {}
        study.study.tell(running, 1.0, skip_if_finished=True)
        assert states(study) == ["FAIL", "FAIL"]


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")  # that trials are asked for outside of Study.optimize
def test_stale_trials_are_ended_and_handed_over_once(tmp_path):
    stale = []
    with opened(str(tmp_path / "s.db"), Cheap()) as study, must_end():
        study.storage.watch(0.1, 0.5, stale.append)
        silent, lively, unseen = (study.study.ask() for _ in range(3))
        SPACE.suggest(silent)
        study.storage.beat(study.study, [silent.number, lively.number])
        while not stale:
            time.sleep(0.05)
            study.storage.beat(study.study, [lively.number])
            study.storage.fail_stale(study.study)
        study.storage.fail_stale(study.study)
        assert states(study) == ["FAIL", "RUNNING", "RUNNING"]
        assert unseen.number == 2  # without a first heartbeat it is never stale
    assert [(trial.number, trial.params) for trial in stale] == [(0, SPACE.defaults())]
