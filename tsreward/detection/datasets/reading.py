"""What all loaders use: their registry, folders, names, columns of tables as a series, and splits in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from tsreward.data.tables import Rows, Table
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.files import natural_key
from tsreward.registry import Registry
from tsreward.sequences.series import DetectionTask, Series
from tsreward.sequences.time import StampError, parse_stamps

LOADERS: Registry[Callable[[Path], list[DetectionTask]]] = Registry(
    "format", "tsreward.detection.datasets", group="tsreward.datasets"
)
"""`LOADERS[name](path)` returns the tasks in a folder or a file."""


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


def chosen(kind: str, found: Iterable[str], names: Iterable[str] | None) -> list[str]:
    """Return all names found, or those a user asks for, in natural order, each once.

    Raises:
        OptionError: a name that was not found; near ones are told.

    >>> chosen("machine", ["m-10", "m-2"], None)
    ['m-2', 'm-10']
    """
    known = set(found)
    if names is None:
        return sorted(known, key=natural_key)
    names = {names} if isinstance(names, str) else set(names)
    for name in sorted(names - known):
        raise unknown_name(kind, name, known)
    return sorted(names, key=natural_key)


def read_series(
    table: Table, columns: Sequence[str], name: str, label: str | None = None, time: str | None = None
) -> Series:
    """Return columns of an open table as a series, with labels of 0 and 1 and an index of time stamps (`stamps_of`).

    Raises:
        DataError: there are no columns, one is missing, or a cell is not what it must be.
    """
    if not columns:
        raise DataError(f"{table.path} has no column of values.")
    table.require([one for one in (time, *columns, label) if one is not None])
    rows = table.read([*columns, *([] if label is None else [label])], [] if time is None else [time])
    labels = None if label is None else table.labels(rows.numbers[:, -1], label)
    index = None if time is None else stamps_of(table, rows, time)
    return Series(rows.numbers[:, : len(columns)], labels, name, tuple(columns), index)


def stamps_of(table: Table, rows: Rows, name: str, zone: str | None = None, known: bool = False) -> np.ndarray:
    """Return a column [T] of numbers or of ISO 8601 text as numbers or datetime64; of one kind where it is `known`.

    Raises:
        DataError: a cell is none, or of another kind or zone than the first.
    """
    cells = rows.texts(name)
    try:
        return parse_stamps(cells, zone, known).as_array()
    except StampError as error:
        row, cell = rows.first + error.position, cells[error.position]
        raise table.fault(row, name, str(error), cell, "fill, convert or drop the row") from None


def split_in_time(series: Series, train_fraction: float) -> DetectionTask:
    """Return the task whose training rows are the first `train_fraction` of the rows, rounded down.

    Raises:
        OptionError: the fraction is not between 0 and 1.
        DataError: no training row or no test row is left.

    >>> import numpy as np
    >>> task = split_in_time(Series(np.arange(10.0)[:, None], labels=np.zeros(10)), train_fraction=0.3)
    >>> len(task.train), len(task.test)
    (3, 7)
    """
    check_fraction(train_fraction)
    rows = int(train_fraction * len(series))
    if not 0 < rows < len(series):
        raise DataError(
            f"'{series.name}' has {len(series)} rows: a train_fraction of {train_fraction:g} leaves no "
            f"{'test' if rows else 'training'} row."
        )
    return DetectionTask(series.name, series.rows(0, rows), series.rows(rows, len(series)))


def check_fraction(train_fraction: float) -> None:
    """Refuse a fraction of rows that is not between 0 and 1."""
    if not 0 < train_fraction < 1:
        raise OptionError(f"train_fraction must be between 0 and 1, both excluded, got {train_fraction}.")
