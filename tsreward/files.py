"""Atomic file writes: a reader sees the old bytes or the new ones, never a part."""

import contextlib
import errno
import os
import secrets
from pathlib import Path

from tsreward.errors import DataError

_STALE = ".tsreward-tmp-"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data`: temporary file beside it, fsync, rename, fsync of the folder.

    Temporary files that killed writers left for the same target are removed first. A file that is replaced keeps its
    permissions; a symbolic link is replaced by a file, and what it pointed to stays.

    Raises:
        DataError: the folder is missing, or the disk is full; the previous file stays as it was.
    """
    path = Path(path)
    prefix, temporary = f"{_STALE}{path.name}-", None
    try:
        if not path.parent.is_dir():
            raise DataError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it first.")
        _remove_stale(path.parent, prefix)
        temporary = path.with_name(f"{prefix}{os.getpid()}-{secrets.token_hex(4)}")
        permissions = _permissions(path)
        # The kernel applies the umask here, which Python cannot read without changing it for all threads.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, permissions or 0o666)
        with os.fdopen(descriptor, "wb") as file:
            if permissions is not None:
                os.fchmod(descriptor, permissions)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
    except DataError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"Cannot write {path}: {reason}. The previous file is unchanged; free some space or choose another path."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()
    _sync_folder(path)


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
