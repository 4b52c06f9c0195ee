"""Files that appear whole or not at all, folders too; and names in natural order."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tsreward.errors import DataError

_STALE = ".tsreward-tmp-"
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


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
    removed first: a writer holds a lock on its file, which the kernel releases when it dies, on whatever host. A file
    that is replaced keeps its permissions; a symbolic link to one is replaced by a file, and what it pointed to stays.

    Raises:
        DataError: the folder is missing, the disk is full, or something else than a file stands at `path`; what is
            there stays as it was.
    """
    path = Path(path)
    try:
        check_replaceable(path)
        permissions = _permissions(path)
        temporary, descriptor = _begun(path, permissions or 0o666)
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
            temporary.replace(path)  # while its lock is held: else another writer takes it for a stale one
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _failed(path, error) from error
        raise
    _sync_folder(path)


def check_writable(path: Path) -> None:
    """Check that a file can be written at a path: its folder is there, and takes some bytes.

    Raises:
        DataError: something else than a file is there, the folder is missing or may not be written to, or the disk is
            full.
    """
    check_replaceable(path)
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _failed(path, error) from error


def no_room(error: BaseException) -> str | None:
    """Return what a full disk, or one that refuses to be written to, says in an error; None for other errors."""
    if not isinstance(error, OSError):
        return None
    if "No usable temporary directory" in str(error):
        return "no folder for temporary files can be written to: free some space, or name another one with TMPDIR"
    if error.errno not in _DISK:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}: free some space, or choose another place"


def check_replaceable(path: Path) -> None:
    """Check that nothing but a regular file stands at a path, or a link to one.

    Raises:
        DataError: a folder, a device, a pipe or a socket does.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # nothing there, or what writing will tell of
        return
    if not stat.S_ISREG(mode):
        kind = next((kind for test, kind in _KINDS.items() if test(mode)), "something else")
        raise DataError(f"Cannot write {path}: it is {kind} and no file, and is not replaced. Name a file.")


_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends, it is synced, and becomes `path` with all that is in it.

    Where the block raises or is killed, `path` is not there, or is as empty as it was; that it can be written is known
    before the block begins. What killed writers left for the same path is removed: a writer holds a lock on its folder,
    which the kernel releases when it dies.

    Raises:
        DataError: `path` exists and is not an empty folder, or cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with new_folder(Path(folder) / "made") as inside:
    ...         _ = (inside / "file").write_text("text")
    ...     (Path(folder) / "made" / "file").read_text()
    'text'
    """
    path = Path(path).absolute()
    exists = path.is_dir()  # it may be where another disk is mounted, and is filled then, not replaced
    place, prefix = path if exists else path.parent, f"{_STALE}{path.name}-"
    created = [folder for folder in path.parents if not folder.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        _remove_stale(place, prefix)
        _check_empty(path)
        temporary, lock = _begun_folder(place, prefix)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise _folder_failed(path, error) from error
    try:
        yield temporary
        for inside, _, files in os.walk(temporary):
            for name in (*files, "."):
                _sync(Path(inside) / name)
        if exists:
            for entry in sorted(temporary.iterdir()):
                entry.rename(path / entry.name)
            temporary.rmdir()
        elif os.path.lexists(path):  # a rename would replace an empty folder
            raise DataError(f"{path} was made by somebody else meanwhile: choose another name.")
        else:
            temporary.rename(path)
        _sync(place)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # something else is in there by now
            for folder in created:
                folder.rmdir()
        if isinstance(error, OSError) and error.errno in _DISK:
            raise _folder_failed(path, error) from error
        raise
    finally:
        os.close(lock)


def empty_folder(path: Path) -> None:
    """Make a folder that is filled in place, so that what is in it stays where the writer is killed.

    Raises:
        DataError: `path` exists and is not an empty folder, or cannot be made.
    """
    _check_empty(path)
    make_folder(path)


def make_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, where it is not there.

    Raises:
        DataError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {path} cannot be made ({error.strerror}): choose another place.") from error


def _check_empty(path: Path) -> None:
    if any(path.iterdir()) if path.is_dir() else os.path.lexists(path):
        raise DataError(f"{path} exists and is not an empty folder: choose another name, or remove it first.")


def natural_key(name: str) -> tuple[str | int, ...]:
    """Return a sorting key that puts machine-1-2 before machine-1-10.

    >>> sorted(["TS10", "TS2"], key=natural_key)
    ['TS2', 'TS10']
    """
    # Text stands at the even positions, even where it is empty, so that text never meets a number.
    return tuple(int(part) if position % 2 else part for position, part in enumerate(re.split(r"([0-9]+)", name)))


def _begun(path: Path, permissions: int) -> tuple[Path, int]:
    """Return a new file beside `path`, open and locked, and remove what killed writers left there."""
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it first.")
    prefix = f"{_STALE}{path.name}-"
    _remove_stale(path.parent, prefix)
    while True:
        temporary = path.with_name(prefix + secrets.token_hex(8))
        # The kernel applies the umask here, which Python cannot read without changing it for all threads.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, permissions)
        if _held(descriptor):
            return temporary, descriptor


def _begun_folder(place: Path, prefix: str) -> tuple[Path, int]:
    """Return a new folder in another one, and the lock on it."""
    while True:
        temporary = place / (prefix + secrets.token_hex(8))
        temporary.mkdir()
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
            if _held(lock):
                return temporary, lock


def _held(descriptor: int) -> bool:
    """Lock a new file or folder; return False, and close it, where another writer took it for a stale one before."""
    with contextlib.suppress(OSError):  # a file system without locks, on which nobody takes anything for stale
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.fstat(descriptor).st_nlink:
        return True
    os.close(descriptor)
    return False


def _failed(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(
        f"Cannot write {path}: {reason}. The previous file is unchanged; free some space or choose another path."
    )


def _remove_stale(folder: Path, prefix: str) -> None:
    """Remove the temporary files, or folders, whose writers have died."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name.startswith(prefix)]
    for entry in found:
        path, is_folder = Path(entry.path), entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False):
            continue
        # NFS locks a file exclusively only where it is open for writing; a folder cannot be.
        way = os.O_RDONLY | os.O_DIRECTORY if is_folder else os.O_RDWR | os.O_NONBLOCK
        with contextlib.suppress(OSError):  # its writer lives, another one was first, or it is another user's
            lock = os.open(path, way | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if is_folder else path.unlink()
            finally:
                os.close(lock)


def _permissions(path: Path) -> int | None:
    """Return the permissions of the file that is to be replaced, so that a private one stays private."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None


def _sync_folder(path: Path) -> None:
    """Make the rename last through a power cut, on file systems that can."""
    try:
        _sync(path.parent)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of this file system cannot be synced
            raise DataError(
                f"{path} is written, but its folder could not be synced ({error.strerror}): a power cut may undo it."
            ) from error


def _folder_failed(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"Cannot write {path}: {reason}. Nothing of it remains; free some space or choose another place.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
