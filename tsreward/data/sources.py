"""What a path can name: files of episodes, tables, arrays, Minari datasets; what is in them, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tsreward.data.columns import DataColumns
from tsreward.data.logs import read_observations
from tsreward.data.minari import is_minari, load_minari, minari_folder, minari_source
from tsreward.errors import DataError
from tsreward.sequences.episodes import Episode


def read_episodes(paths: Sequence[Path], columns: DataColumns = DataColumns()) -> list[Episode]:  # noqa: B008 - frozen
    """Return the episodes of files (`read_observations`) and of Minari datasets, in order.

    Raises:
        DataError: no data, or they are damaged or of different shapes.
        MissingExtraError: a package that reads them is not installed.
    """
    episodes: list[Episode] = []
    for path in paths:
        read = load_minari(minari_source(path)) if is_minari(path) else read_observations([path], columns)
        names = (episodes or read)[0].columns
        read = [episode.in_order(names, str(paths[0]), str(path)) for episode in read]
        first = (episodes or read)[0].obs.shape[1:]
        if wrong := [episode.obs.shape[1:] for episode in read if episode.obs.shape[1:] != first]:
            raise DataError(
                f"{path} holds observations {list(wrong[0])}, but {paths[0]} {list(first)}: give data of one shape."
            )
        episodes += read
    if not episodes:
        raise DataError("No data were given: name at least one file.")
    return episodes


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files of a Minari dataset.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if not is_minari(path):
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        folder = minari_folder(minari_source(path))
        whole = hashlib.sha256()
        for name in sorted(found for found in folder.rglob("*") if found.is_file()):
            with name.open("rb") as file:
                part = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{part}  {name.relative_to(folder).as_posix()}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): keep it until the command ends.") from error
