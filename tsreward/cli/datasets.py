"""Which series a benchmark runs on, and which episodes a command reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tsreward.data.logs import LogColumns, read_observations
from tsreward.data.minari import is_minari, load_minari, minari_folder, minari_source
from tsreward.detection.datasets.formats import FORMATS
from tsreward.detection.datasets.synthetic import smd_like, yahoo_like
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.sequences.episodes import Episode
from tsreward.sequences.series import DetectionTask

SYNTHETIC = "synthetic"


def read_tasks(path: Path | None, form: str, names: Sequence[str] = ()) -> list[DetectionTask]:
    """Return the tasks of a data set in a layout, or those of the names given, in the order of the data set.

    Raises:
        OptionError: an unknown layout or name, or data missing where they are needed, or given where they are not.
        DataError: a file is missing or malformed.

    >>> [task.name for task in read_tasks(None, "synthetic", ["machine-1-2", "A1-real_1"])]
    ['machine-1-2', 'A1-real_1']
    """
    if form not in {*FORMATS, SYNTHETIC}:
        raise unknown_name("format", form, [*FORMATS, SYNTHETIC])
    if form == SYNTHETIC:
        if path is not None:
            raise OptionError("--format synthetic makes its series itself: leave --data out, or name another format.")
        tasks = [*smd_like(seed=0), *yahoo_like(seed=0)]
    elif path is None:
        raise OptionError(f"--format {form} needs --data, the folder or file; --format synthetic runs without.")
    else:
        tasks = FORMATS[form](path)
    known = [task.name for task in tasks]
    for name in names:
        if name not in known:
            raise unknown_name("series", name, known)
    return [task for task in tasks if not names or task.name in names]


def by_dataset(form: str, tasks: Sequence[DetectionTask]) -> dict[str, list[DetectionTask]]:
    """Return the tasks by the data set they belong to, which for some layouts is part of the name.

    >>> from tsreward.detection.datasets.synthetic import yahoo_like
    >>> {name: len(tasks) for name, tasks in by_dataset("yahoo", yahoo_like(seed=0, count=8)).items()}
    {'yahoo A1': 2, 'yahoo A2': 2, 'yahoo A3': 2, 'yahoo A4': 2}
    """
    groups: dict[str, list[DetectionTask]] = {}
    for task in tasks:
        groups.setdefault(_dataset(form, task.name), []).append(task)
    return groups


def _dataset(form: str, name: str) -> str:
    """Return the data set that a series belongs to: NAB of 001_NAB_id_1_..., A1 of A1-real_1."""
    if form == "tsb-ad":
        return name.split("_")[1]
    if form == "yahoo":
        return f"yahoo {name.split('-')[0]}"
    if form == SYNTHETIC:
        return "smd-like" if name.startswith("machine") else "yahoo-like"
    return form


def read_episodes(paths: Sequence[Path], columns: LogColumns = LogColumns()) -> list[Episode]:  # noqa: B008 - frozen
    """Return the episodes of files (`read_observations`) and of Minari datasets, in order.

    Raises:
        DataError: no data, or they are damaged or of different shapes.
        MissingExtraError: a package that reads them is not installed.
    """
    episodes: list[Episode] = []
    for path in paths:
        read = load_minari(minari_source(path)) if is_minari(path) else read_observations([path], columns)
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
