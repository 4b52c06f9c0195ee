"""A study is made whole or not at all, and only goes on as what it was."""

from __future__ import annotations

import fcntl
import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tsreward.errors import DataError, OptionError
from tsreward.files import write_atomic
from tsreward.tuning.objective import Objective
from tsreward.tuning.storage import StudyStorage, check_file, check_optuna, sqlite_url, study_path, written

if TYPE_CHECKING:
    import optuna


class StudyLock:
    """A share in the lock of a study file; `alone` tells whether no other process had one when it was taken."""

    def __init__(self, file: IO[str], alone: bool) -> None:
        self.file, self.alone = file, alone

    def share(self) -> None:
        """Let other processes open the study; until then they wait."""
        fcntl.flock(self.file, fcntl.LOCK_SH)


@contextmanager
def locked(path: Path) -> Iterator[StudyLock]:
    """Hold a share in the lock of a study file, in a hidden file beside it.

    Raises:
        DataError: the lock file cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        file = lock.open("a")
    except OSError as error:
        raise DataError(
            f"Cannot write {lock}: {error.strerror}. A study needs a folder that can be written to: name another one."
        ) from error
    with file:
        yield StudyLock(file, _lock(file))


def _lock(file: IO[str]) -> bool:
    """Lock a file exclusively, or with others where they have it; return which."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(file, fcntl.LOCK_SH)  # waits for a process that is making the study or taking trials back
        return False
    return True


FORMAT = 1
_MARK = "tsreward"


@dataclass(frozen=True)
class OpenStudy:
    """A study, and the objective function it is about."""

    study: optuna.Study
    storage: StudyStorage
    objective: Objective
    lock: StudyLock | None
    """The lock of its file; None where a server keeps it."""

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Return all trials, for reading only."""
        return self.study.get_trials(deepcopy=False)


@contextmanager
def opened(where: str, objective: Objective, name: str | None = None) -> Iterator[OpenStudy]:
    """Open a study in an SQLite file or at the URL of a server, and make it where there is none.

    The first trial of a new study is the default setting. While a file is open, whoever opens it too knows of it.

    Args:
        where: file or URL.
        objective: what the study is about.
        name: of the study; None takes the objective's.

    Raises:
        DataError: the file is damaged, may only be read, or holds something else; or the server does not answer.
        OptionError: the study there is of another objective, search space or setting.
        MissingExtraError: Optuna is not installed.
    """
    check_optuna()
    path, name = study_path(where), name or objective.name
    if path is None:
        storage = StudyStorage(where)
        try:
            yield _opened(storage, where, objective, name, None)
        finally:
            storage.close()
        return
    check_file(path)
    with locked(path) as lock:
        if not check_file(path):
            if not lock.alone:
                raise DataError(f"{path} was removed while another process works on it: end that one first.")
            write_atomic(path, _new_file(objective, name))
        storage = StudyStorage(sqlite_url(path))
        try:
            with written(path):
                yield _opened(storage, where, objective, name, lock)
        finally:
            storage.close()


def _opened(storage: StudyStorage, where: str, objective: Objective, name: str, lock: StudyLock | None) -> OpenStudy:
    import optuna

    try:
        study = _create(storage, objective, name)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage.rdb)
        _check(study, where, objective)
    return OpenStudy(study, storage, objective, lock)


def _new_file(objective: Objective, name: str) -> bytes:
    """Return the bytes of a database with the new study in it."""
    storage = StudyStorage("sqlite://")
    try:
        _create(storage, objective, name)
        return storage.bytes()
    finally:
        storage.close()


def _create(storage: StudyStorage, objective: Objective, name: str) -> optuna.Study:
    import optuna

    study = optuna.create_study(storage=storage.rdb, study_name=name, directions=list(objective.directions.values()))
    _begin(study, objective)
    return study


def _begin(study: optuna.Study, objective: Objective) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that names of metrics are experimental
        study.set_metric_names(list(objective.directions))
    study.enqueue_trial(objective.space.searched(objective.space.defaults()))
    study.set_user_attr(_MARK, _identity(objective))


def _identity(objective: Objective) -> dict[str, Any]:
    identity = {
        "format": FORMAT,
        "objective": objective.name,
        "version": objective.space.version,
        "space": objective.space.fingerprint(),
        "settings": objective.settings(),
    }
    return json.loads(json.dumps(identity))  # as a database gives it back


def _check(study: optuna.Study, where: str, objective: Objective) -> None:
    """Compare what a study was made for with what is asked for now."""
    made = _mark(study)
    if made is None and not any(trial.number for trial in study.get_trials(deepcopy=False)):
        _begin(study, objective)  # whoever made it was killed while doing so
        return
    which = f"The study '{study.study_name}' in {where}"
    remedy = "name another file with --study, or another study in it with --name."
    if made is None:
        raise OptionError(f"{which} was not made by tsreward tune: {remedy}")
    wanted = _identity(objective)
    if made["format"] != FORMAT:
        raise OptionError(f"{which} has the format {made['format']}, this version writes {FORMAT}: {remedy}")
    if made["objective"] != wanted["objective"]:
        raise OptionError(f"{which} is about {made['objective']}, not {wanted['objective']}: {remedy}")
    if made["version"] != wanted["version"]:
        raise OptionError(
            f"{which} has version {made['version']} of the search space, this one is {wanted['version']}: {remedy}"
        )
    if made["space"] != wanted["space"]:
        raise OptionError(
            f"{which} searches other parameters, or fixes others with --fix: repeat its --fix, or {remedy}"
        )
    for key in sorted({*made["settings"], *wanted["settings"]}):
        then, now = made["settings"].get(key), wanted["settings"].get(key)
        if then != now:
            raise OptionError(f"{which} was made with {key} {then}, not {now}: repeat that, or {remedy}")


def _mark(study: optuna.Study) -> dict[str, Any] | None:
    """Return what a study was made for; another machine may just have made it, and be about to say."""
    made = None
    for _ in range(20):
        made = study.user_attrs.get(_MARK)
        if made is not None or len(study.get_trials(deepcopy=False)) > 1:
            break
        time.sleep(0.1)
    return made
