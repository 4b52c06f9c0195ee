"""Whatever holds observations, as episodes: files of recorded episodes, and tables of which each is one series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.csv_log import LogColumns
from tsreward.data.episodes import episodes_from, is_episodes
from tsreward.data.tables import Table, read_log, table_of
from tsreward.errors import DataError
from tsreward.sequences.episodes import Episode


def read_series(paths: Sequence[Path], columns: LogColumns = LogColumns()) -> list[Episode]:  # noqa: B008 - frozen
    """Read files of `save_episodes`, CSV files, and NPY or NPZ files of arrays [T, D].

    A table of T rows becomes an episode of T transitions whose first observation is its first row once more: every
    row is then arrived at, and as short history repeats the first observation anyway, no window changes. `columns` says
    what the columns of CSV files are; labels become the costs.

    Raises:
        DataError: no file, one that is missing, damaged or not finite, or observations of different shapes.
        MissingExtraError: a file is CSV, and pandas is not installed.
    """
    episodes: list[Episode] = []
    for path in paths:
        read = _read(path, columns)
        first = (episodes or read)[0].obs.shape[1:]
        for episode in read:
            if episode.obs.shape[1:] != first:
                raise DataError(
                    f"{path} holds observations {list(episode.obs.shape[1:])}, but {paths[0]} {list(first)}: give data "
                    f"of one shape."
                )
        episodes += read
    if not episodes:
        raise DataError("No file was given: name at least one.")
    return episodes


def is_csv(path: Path) -> bool:
    """Tell whether a file is read as CSV: every one is that is no NPZ or NPY."""
    return path.suffix.lower() not in (".npz", ".npy")


def _read(path: Path, columns: LogColumns) -> list[Episode]:
    if is_csv(path):
        return [_episode(read_log(path, columns))]
    if columns.named:
        raise DataError(f"{path} has no named columns: only a CSV file has a label column or columns to ignore.")
    arrays = read_arrays(path)
    if not arrays:
        raise DataError(f"{path} holds no array.")
    if is_episodes(arrays):
        return episodes_from(arrays, path)
    return [_episode(table_of(array, f"{path}, array '{name}',")) for name, array in arrays.items()]


def _episode(table: Table) -> Episode:
    return Episode(np.concatenate([table.values[:1], table.values]), costs=table.labels)
