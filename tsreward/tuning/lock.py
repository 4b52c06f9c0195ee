"""Who works on a study file: a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tsreward.errors import DataError


class Presence:
    """A share in the lock of a study file; `alone` tells whether nobody else had one when it was taken."""

    def __init__(self, file: IO[str], alone: bool) -> None:
        self.file, self.alone = file, alone

    def share(self) -> None:
        """Let others in; before, whoever comes waits."""
        fcntl.flock(self.file, fcntl.LOCK_SH)


@contextmanager
def present(path: Path) -> Iterator[Presence]:
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
        yield Presence(file, _taken(file))


def _taken(file: IO[str]) -> bool:
    """Take the whole lock, or a share of it where others have one; tell which."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(file, fcntl.LOCK_SH)  # waits for one who is making the study or tidying up
        return False
    return True
