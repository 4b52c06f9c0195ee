"""Atomic file writes: a reader sees the old bytes or the new ones, never a part."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tsreward.errors import DataError

_STALE = ".tsreward-tmp-"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, as `open_atomic` does.

    Raises:
        DataError: the folder is missing, or the disk is full; the previous file stays as it was.
    """
    with open_atomic(path) as file:
        file.write(data)


@contextlib.contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Replace `path` with what is written: temporary file beside it, fsync, rename, fsync of the folder.

    Where the block raises, nothing has happened. Temporary files that killed writers left for the same target are
    removed first. A file that is replaced keeps its permissions; a symbolic link is replaced by a file, and what it
    pointed to stays.

    Raises:
        DataError: the folder is missing, or the disk is full; the previous file stays as it was.
    """
    path = Path(path)
    try:
        temporary, permissions = _temporary(path), _permissions(path)
        # The kernel applies the umask here, which Python cannot read without changing it for all threads.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, permissions or 0o666)
    except DataError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _failed(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if permissions is not None:
                os.fchmod(descriptor, permissions)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _failed(path, error) from error
        raise
    _sync_folder(path)


def _temporary(path: Path) -> Path:
    """Return a new name beside `path`, and remove what killed writers left there."""
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it first.")
    prefix = f"{_STALE}{path.name}-"
    _remove_stale(path.parent, prefix)
    return path.with_name(f"{prefix}{os.getpid()}-{secrets.token_hex(4)}")


def _failed(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(
        f"Cannot write {path}: {reason}. The previous file is unchanged; free some space or choose another path."
    )


def _remove_stale(folder: Path, prefix: str) -> None:
    with os.scandir(folder) as entries:
        stale = [entry.path for entry in entries if entry.name.startswith(prefix) and not _writer_lives(entry.name)]
    for path in stale:
        with contextlib.suppress(OSError):  # another writer was first, or it is another user's
            Path(path).unlink()


def _writer_lives(name: str) -> bool:
    """Tell whether the process whose number stands in a temporary file's name is still running."""
    try:
        os.kill(int(name.rsplit("-", 2)[-2]), 0)
    except (ValueError, IndexError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _permissions(path: Path) -> int | None:
    """Return the permissions of the file that is to be replaced, so that a private one stays private."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None


def _sync_folder(path: Path) -> None:
    """Make the rename last through a power cut, on file systems that can."""
    try:
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of this file system cannot be synced
            raise DataError(
                f"{path} is written, but its folder could not be synced ({error.strerror}): a power cut may undo it."
            ) from error
