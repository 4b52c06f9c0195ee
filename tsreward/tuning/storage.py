"""The storage of a study: an SQLite file, or the URL of a database server.

Nothing else touches Optuna's storages. Their methods are public, but Optuna calls them internals of its studies:
tests/tuning/test_storage.py says which versions of Optuna they were tried on.
"""

from __future__ import annotations

import math
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tsreward.errors import DataError, OptionError, missing_extra
from tsreward.files import check_replaceable

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

_PATIENCE = 60
"""Seconds to wait for another process that writes to the file."""


def check_optuna() -> None:
    """Find out whether studies can be made.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise missing_extra("optuna", "tune") from error


def study_path(study: str) -> Path | None:
    """Return the file that a study is kept in, or None where it is the URL of a server.

    Raises:
        OptionError: a name that cannot stand in the URL of an SQLite file.

    >>> study_path("runs/circle.db"), study_path("postgresql://host/base")
    (PosixPath('runs/circle.db'), None)
    """
    if "://" in study:
        return None
    if not study or set(study) & set("?#%{}"):
        raise OptionError(f"The file of a study has a name without any of ? # % {{ }}, got '{study}': choose another.")
    return Path(study)


def check_file(path: Path) -> bool:
    """Find out whether a study file can be written to; return whether it is there already.

    Raises:
        DataError: a folder, no folder around it, no SQLite database, a damaged one, one of something else, or one that
            may only be read.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it with --study, e.g. {path / 'study.db'}.")
    check_replaceable(path)
    if not path.parent.is_dir():
        raise DataError(f"Cannot make {path}: the folder {path.parent} does not exist. Create it first.")
    if not path.exists():
        return False
    try:
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            _try_writing(connection)
    except sqlite3.Error as error:
        raise DataError(_refusal(path, str(error))) from error
    if found != ["ok"]:
        raise DataError(_refusal(path, f"malformed: {' '.join(found[0].split())}"))
    if not {"studies", "trials", "version_info"} <= tables:
        raise DataError(f"{path} is a database, but not of studies: name another file with --study.")
    return True


def _try_writing(connection: sqlite3.Connection) -> None:
    """Begin to write, and take it back."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA user_version = {version + 1}")
    finally:
        connection.execute("ROLLBACK")


class StudyStorage:
    """An open storage, and what is done to its trials beside what `optuna.Study` offers.

    Args:
        url: of an SQLite file or a server; tables are made where there are none.

    Raises:
        DataError: the server does not answer, its driver is not installed, or the tables are those of another version
            of Optuna.
    """

    def __init__(self, url: str) -> None:
        self.rdb = _open(url)
        self._ids: dict[tuple[str, int], int] = {}

    def close(self) -> None:
        """Close all connections."""
        self.rdb.remove_session()
        self.rdb.engine.dispose()

    def bytes(self) -> bytes:
        """Return what is in memory, at the URL sqlite://, as the bytes of a file."""
        held: Any = self.rdb.engine.raw_connection()
        return held.driver_connection.serialize()

    def fail(self, study: optuna.Study, number: int, **attributes: object) -> bool:
        """Set attributes of a trial, and end it as failed; return whether it had not ended before.

        `Study.tell` refuses trials that wait, and does not return whether it was this process that ended the trial.
        """
        import optuna

        trial_id = self._id(study, number)
        try:
            for name, value in attributes.items():
                self.rdb.set_trial_user_attr(trial_id, name, value)
            return self.rdb.set_trial_state_values(trial_id, optuna.trial.TrialState.FAIL)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False

    def watch(self, heartbeat: float, grace: float, requeue: Callable[[FrozenTrial], None]) -> None:
        """Set what `fail_stale` does.

        Args:
            heartbeat: seconds between two calls of `beat` for a trial.
            grace: seconds after its last heartbeat at which a trial is stale; Optuna counts in whole seconds, by the
                clock of the database.
            requeue: called with every trial that was stale.
        """
        self.rdb.heartbeat_interval, self.rdb.grace_period = math.ceil(heartbeat), math.ceil(grace)
        self.rdb.heartbeat_stale_trial_callback = lambda study, trial: requeue(trial)

    def beat(self, study: optuna.Study, numbers: Iterable[int]) -> None:
        """Record heartbeats of trials."""
        for number in numbers:
            self.rdb.record_heartbeat(self._id(study, number))

    def fail_stale(self, study: optuna.Study) -> None:
        """End the running trials whose last heartbeat is too old; those without any heartbeat are left alone."""
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is experimental
            optuna.storages.fail_stale_trials(study)

    def _id(self, study: optuna.Study, number: int) -> int:
        """Return the number by which the storage knows a trial."""
        key = (study.study_name, number)
        if key not in self._ids:
            study_id = self.rdb.get_study_id_from_name(study.study_name)
            self._ids[key] = self.rdb.get_trial_id_from_study_id_trial_number(study_id, number)
        return self._ids[key]


def _open(url: str) -> RDBStorage:
    """Return the storage behind a URL."""
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    options: dict[str, Any] = {"connect_args": {"timeout": _PATIENCE}} if url.startswith("sqlite") else {}
    try:
        storage = RDBStorage(url, options)
    except ImportError as error:
        raise DataError(
            f"The driver for {_shown(url)} is not installed: pip install the one of this server."
        ) from error
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise DataError(f"Cannot open the studies at {_shown(url)}: {reason}") from error
    except RuntimeError as error:  # the version of the tables
        raise DataError(
            f"{_shown(url)} cannot be read by this version of Optuna: {' '.join(str(error).split())}"
        ) from error
    if url.startswith("sqlite:///"):  # not what is in memory, which would be gone
        _serialise(storage)
    return storage


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Let errors of the database in a file name it.

    Raises:
        DataError: the disk is full, or the file cannot be written to any more; what was finished is kept.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        causes = [one for one in _causes(error) if isinstance(one, sqlite3.Error)]
        if not causes:
            raise
        reason = " ".join(str(causes[-1]).split())
        if "full" in reason or "I/O" in reason:
            raise DataError(f"Cannot write {path}: {reason}. Free some space; what was finished is kept.") from error
        raise DataError(_refusal(path, reason)) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those behind it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = getattr(found, "orig", None) or found.__cause__


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{path}"


def _serialise(storage: RDBStorage) -> None:
    """Let every transaction begin as a writing one: Optuna reads before it writes, and counts on nobody in between."""
    from sqlalchemy import event

    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # sqlite3 shall not begin transactions on its own

    event.listen(storage.engine, "connect", connected)
    event.listen(storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    storage.engine.dispose()  # the connection that was opened before


def _shown(url: str) -> str:
    """Return a URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return str(make_url(url).render_as_string(hide_password=True))
    except SQLAlchemyError:
        return f"'{url.partition('://')[0]}://...'"


def _refusal(path: Path, reason: str) -> str:
    if "readonly" in reason or "unable to open" in reason:
        return f"{path} cannot be written to ({reason}): make it and its folder writable, or name another file."
    if "locked" in reason:
        return f"{path} has been locked by another program for {_PATIENCE} seconds: close that one first."
    return (
        f"{path} is damaged, or no SQLite database ({reason}): take a copy from before, or rescue what it holds with "
        f"sqlite3 {path} .recover | sqlite3 recovered.db"
    )
