"""Folders of a dataset: the right one of a few places, and the files in it."""

from __future__ import annotations

from pathlib import Path

from tsreward.errors import DataError


def root_of(folder: str | Path, mark: str, within: str = "") -> Path:
    """Return the folder, or its subfolder `within`, that holds a file or folder `mark`.

    Raises:
        DataError: the folder is missing, or neither holds it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    places = [folder, folder / within] if within else [folder]
    for place in places:
        if (place / mark).exists():
            return place
    also = f", nor has {folder / within}" if within else ""
    raise DataError(f"{folder} has no {mark}{also}: give the folder that holds it.")


def stems(folder: Path, suffix: str) -> list[str]:
    """Return the names, without their ending, of the files of one kind in a folder; hidden files do not count."""
    return [path.stem for path in folder.glob(f"*{suffix}") if path.is_file() and not path.name.startswith(".")]


def need(path: Path, why: str) -> Path:
    """Return a path at which there is a file.

    Raises:
        DataError: there is none; `why` says what it is the partner of.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}, {why}.")
    return path
