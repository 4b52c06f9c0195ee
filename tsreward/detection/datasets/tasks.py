"""The tasks of a data set in any layout that is registered, and which data set each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from tsreward.data.columns import DataColumns, TableColumns
from tsreward.data.rows import Tell
from tsreward.detection.datasets.files import load_files
from tsreward.detection.datasets.own_tables import load_tables
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.datasets.synthetic import smd_like, yahoo_like
from tsreward.errors import OptionError, unknown_name
from tsreward.options import flag
from tsreward.sequences.series import DetectionTask

SYNTHETIC = "synthetic"
TABLES = ("csv", "parquet")
OWN = ("csv", "parquet", "files")
"""Layouts whose columns the options tell."""


def layouts() -> str:
    """Return what --format knows, in words."""
    return f"{', '.join(LOADERS)}; {SYNTHETIC} needs no --data"


def load_tasks(
    path: Path | None,
    form: str,
    names: Sequence[str] = (),
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
) -> list[DetectionTask]:
    """Return the tasks of a data set in a layout, or those of the names given, in the order of the data set.

    Args:
        path: the folder or file.
        form: the layout.
        names: the tasks that are wanted; without any, all.
        columns: what the columns or arrays are, for your own files (csv, parquet, files); others have a layout.
        tell: is given a line where something was decided about your own files.

    Raises:
        OptionError: an unknown layout or name, or data missing where they are needed, or given where they are not.
        DataError: a file is missing or malformed.

    >>> [task.name for task in load_tasks(None, "synthetic", ["machine-1-2", "A1-real_1"])]
    ['machine-1-2', 'A1-real_1']
    """
    if form not in {*LOADERS, SYNTHETIC}:
        raise unknown_name("format", form, [*LOADERS, SYNTHETIC])
    if columns.changed() and form not in OWN:
        named = ", ".join(map(flag, sorted(columns.changed())))
        raise OptionError(
            f"--format {form} says itself what its columns are: leave {named} out, or take --format files."
        )
    if form == SYNTHETIC:
        if path is not None:
            raise OptionError("--format synthetic makes its series itself: leave --data out, or name another format.")
        tasks = [*smd_like(seed=0), *yahoo_like(seed=0)]
    elif path is None:
        raise OptionError(f"--format {form} needs --data, the folder or file; --format synthetic runs without.")
    elif form in TABLES and columns.changed().keys() <= {field.name for field in fields(TableColumns)}:
        tasks = load_tables(path, columns=columns)
    elif form == "files" or (form in OWN and columns.changed()):
        tasks = load_files(path, columns, tell=tell)
    else:
        tasks = LOADERS[form](path)
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
