"""Atomic file writes: a reader sees the old bytes or the new ones, never a part."""

import contextlib
import os
import tempfile
from pathlib import Path

from tsreward.errors import DataError

_STALE = ".tsreward-tmp-"


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` with `data`: temporary file beside it, fsync, rename, fsync of the folder.

    Temporary files that killed writers left for the same target are removed first.

    Raises:
        DataError: the folder is missing, or the disk is full; the previous file stays as it was.
    """
    path = Path(path)
    folder, prefix = path.parent, f"{_STALE}{path.name}-"
    if not folder.is_dir():
        raise DataError(f"Cannot write {path}: the folder {folder} does not exist. Create it first.")
    for stale in folder.glob(f"{prefix}*"):
        if not _writer_lives(stale.name):
            stale.unlink(missing_ok=True)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f"{prefix}{os.getpid()}-", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
        _sync_folder(folder)
    except OSError as error:
        raise DataError(
            f"Cannot write {path}: {error.strerror}. The previous file is unchanged; free some space or choose another path."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _writer_lives(name: str) -> bool:
    """Tell whether the process whose number stands in a temporary file's name is still running."""
    try:
        os.kill(int(name.rsplit("-", 2)[-2]), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
