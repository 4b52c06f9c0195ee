"""A folder that is there with all that belongs in it, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from tsreward.errors import DataError

_STALE = ".tsreward-tmp-"


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill; when the block ends, it is synced and renamed to `path`.

    Where the block raises or is killed, `path` does not exist. What killed writers left for the same path is removed:
    a writer holds a lock on its folder, which the kernel releases when it dies.

    Raises:
        DataError: `path` exists already, or cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with new_folder(Path(folder) / "made") as inside:
    ...         _ = (inside / "file").write_text("text")
    ...     (Path(folder) / "made" / "file").read_text()
    'text'
    """
    prefix = f"{_STALE}{path.name}-"
    if os.path.lexists(path):
        raise DataError(f"{path} exists already and is not changed: choose another name, or remove it first.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path.parent, prefix)
        temporary = path.with_name(prefix + secrets.token_hex(8))
        temporary.mkdir()
        lock = os.open(temporary, os.O_RDONLY)
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield temporary
        _sync(temporary)
        if os.path.lexists(path):  # a rename would replace an empty folder
            raise DataError(f"{path} was made by somebody else meanwhile: choose another name.")
        temporary.rename(path)
        _sync_one(path.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise _failed(path, error) from error
        raise
    finally:
        os.close(lock)


def _failed(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"Cannot write {path}: {reason}. Nothing was left there; free some space or choose another place.")


def _remove_stale(parent: Path, prefix: str) -> None:
    for found in parent.iterdir():
        if not found.name.startswith(prefix):
            continue
        with contextlib.suppress(OSError):  # BlockingIOError: its writer lives
            lock = os.open(found, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(found)
            finally:
                os.close(lock)


def _sync(folder: Path) -> None:
    for inside, _, files in os.walk(folder):
        for name in files:
            _sync_one(Path(inside) / name)
        _sync_one(Path(inside))


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
