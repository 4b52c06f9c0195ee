"""Where results go, looked at before the work begins."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from tsreward.errors import DataError


def check_output(path: Path) -> None:
    """Find out whether a file can be written.

    Raises:
        DataError: it is a folder, its folder is missing, or nothing can be created there.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it with --out.")
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: the folder {path.parent} does not exist. Create it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(f"Cannot write {path}: {error.strerror}. Choose another place with --out.") from error


def run_path(command: str, env: str, seed: int) -> Path:
    """Return the folder that a run gets where none is named."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{command}-{env.replace('/', '-')}-seed{seed}-{now}"
