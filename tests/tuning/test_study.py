"""Studies are made whole, and go on only as what they were."""

import sqlite3
import threading
import time
from pathlib import Path

import optuna
import pytest

from tests.tuning.cheap import SPACE, Cheap
from tsreward.errors import DataError, OptionError
from tsreward.tuning import study as module
from tsreward.tuning.space import Space
from tsreward.tuning.study import opened


def make(path: Path) -> bytes:
    with opened(str(path), Cheap()):
        pass
    return path.read_bytes()


def test_a_new_study_begins_with_the_default_setting(tmp_path):
    with opened(str(tmp_path / "s.db"), Cheap()) as study:
        assert study.study.metric_names == ["distance"]
        assert [trial.state.name for trial in study.trials()] == ["WAITING"]
        assert SPACE.suggest(study.study.ask()) == SPACE.defaults()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".s.db.lock", "s.db"]


def test_other_processes_are_known(tmp_path):
    path = tmp_path / "s.db"
    with opened(str(path), Cheap()) as first:
        assert first.lock is not None
        assert first.lock.alone
        seen = []

        def look() -> None:
            with opened(str(path), Cheap()) as second:
                assert second.lock is not None
                seen.append(second.lock.alone)

        other = threading.Thread(target=look)
        other.start()
        time.sleep(0.2)
        assert seen == []  # it waits until the first has taken trials back
        first.lock.share()
        other.join(20)
    assert seen == [False]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (
            Cheap(space=Space(2, SPACE.parameters)),
            "has version 1 of the search space, this one is 2: name another file",
        ),
        (Cheap(space=SPACE.fix(["count=3"])), "searches other parameters, or fixes others with --fix"),
        (Cheap(several=True), "was made with several False, not True: repeat that, or name another file"),
        (Cheap(name="dear"), "is about cheap, not dear"),
    ],
)
def test_another_study_is_refused(tmp_path, objective, message):
    before = make(tmp_path / "s.db")
    with pytest.raises(OptionError, match=message), opened(str(tmp_path / "s.db"), objective, "cheap"):
        pass
    assert (tmp_path / "s.db").read_bytes() == before


def test_a_study_of_somebody_else_is_refused(tmp_path):
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 's.db'}")
    study = optuna.create_study(storage=storage, study_name="cheap")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    storage.remove_session()
    storage.engine.dispose()
    with (
        pytest.raises(OptionError, match="was not made by tsreward tune: name another file"),
        opened(str(tmp_path / "s.db"), Cheap()),
    ):
        pass


def test_a_second_study_in_a_file_and_one_that_was_begun_only(tmp_path, monkeypatch):
    make(tmp_path / "s.db")

    def killed(*arguments: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_begin", killed)
        with pytest.raises(RuntimeError), opened(str(tmp_path / "s.db"), Cheap(), "other"):
            pass
    with opened(str(tmp_path / "s.db"), Cheap(), "other") as study:
        assert [trial.state.name for trial in study.trials()] == ["WAITING"]
        assert study.study.user_attrs["tsreward"]["objective"] == "cheap"


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE rows (x)")
    connection.close()


def zeroed(path: Path) -> None:
    content = bytearray(make(path))
    content[4096 : 4 * 4096] = bytes(3 * 4096)
    path.write_bytes(content)


DAMAGE = {
    "text": (
        lambda path: path.write_text("no database at all, but a text of some length\n" * 20),
        "is damaged, or no SQLite",
    ),
    "torn": (lambda path: path.write_bytes(make(path)[: 10 * 4096 + 17]), "is damaged"),
    "zeroed": (zeroed, "is damaged"),
    "folder": (lambda path: path.mkdir(), "is a folder: name a file in it with --study"),
    "other": (other_database, "is a database, but not of studies"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_are_refused_and_left_alone(tmp_path, kind):
    path = tmp_path / "s.db"
    damage, message = DAMAGE[kind]
    damage(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    with pytest.raises(DataError, match=message) as caught, opened(str(path), Cheap()):
        pass
    assert "\n" not in str(caught.value)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()} == before


def test_a_file_of_another_version_of_optuna_is_refused(tmp_path):
    make(tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    connection.close()
    with (
        pytest.raises(DataError, match="cannot be read by this version of Optuna"),
        opened(str(tmp_path / "s.db"), Cheap()),
    ):
        pass


def test_a_file_that_may_only_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    make(path)
    connect = sqlite3.connect  # file permissions do not hold the superuser back
    monkeypatch.setattr(
        sqlite3, "connect", lambda address, **given: connect(address.replace("mode=rw", "mode=ro"), **given)
    )
    with (
        pytest.raises(DataError, match=r"cannot be written to .*make it and its folder writable"),
        opened(str(path), Cheap()),
    ):
        pass


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("missing/s.db", "the folder .*missing does not exist"),
        ("what?.db", "without any of"),
        ("nodialect://host/base", "Cannot open the studies at nodialect"),
        ("sqlite:////nowhere/at/all/s.db", "unable to open database file"),
    ],
)
def test_where_no_study_can_be(tmp_path, monkeypatch, where, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((DataError, OptionError), match=message) as caught, opened(where, Cheap()):
        pass
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_not_shown():
    with pytest.raises(DataError) as caught, opened("postgresql+psycopg2://me:secret@localhost:1/base", Cheap()):
        pass
    assert "secret" not in str(caught.value)
