"""Scores and labels in files: columns of one, and rows of two that belong to the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.logs import is_table, mapped_labels
from tsreward.data.tables import open_table
from tsreward.data.time_intervals import LabelIntervals
from tsreward.errors import DataError
from tsreward.sequences.time import Stamps, looks_like_stamp

_SCORES = {"episode", "step", "score", "p_value", "is_anomaly", "label", "missing", "missing_first"}
_TIMES = {"time", "timestamp", "timestamps", "date", "datetime", "ts"}


def read_columns(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return these columns [T] of a table, or these arrays [T] of an NPZ file, in float64.

    Raises:
        DataError: one is missing or is not one finite number per row.
        MissingExtraError: the file is a table, and pyarrow is not installed.
    """
    if is_table(path):
        with open_table(path) as table:
            read = table.read(names).numbers
        return {name: read[:, column] for column, name in enumerate(names)}
    arrays = read_arrays(path)
    for name in names:
        if name not in arrays:
            raise DataError(f"{path} has no array '{name}': it has {', '.join(arrays)}.")
        if arrays[name].ndim != 1 or not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: '{name}' must be finite numbers [T], found shape {list(arrays[name].shape)}.")
    return {name: arrays[name].astype(np.float64) for name in names}


def read_labels(path: Path, name: str, columns: DataColumns) -> np.ndarray:
    """Return labels [T], 1 where a row is anomalous, of a column whose words `columns.label_map` may tell.

    Raises:
        DataError: as `read_columns`; or another label is among them.
    """
    if words := columns.label_words():
        with open_table(path) as table:
            return mapped_labels(table, table.read(texts=[name]).texts(name), name, 1, words)
    labels = read_columns(path, (name,))[name]
    if (wrong := (labels != 0) & (labels != 1)).any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{path}: row {row + 1} of label column '{name}' must be 0 (normal) or 1 (anomalous), found "
            f"{labels[row]:g}: convert the column, or say what it means with --label-map."
        )
    return 1 - labels if columns.means_normal(name) else labels


def common_time(first: Path, second: Path) -> str | None:
    """Return the column of time stamps that two tables share, by its name or its first cell; None where none is."""
    if not (is_table(first) and is_table(second)):
        return None
    with open_table(first) as one, open_table(second) as other:
        shared = [name for name in one.names if name in other.names and name not in _SCORES]
        for name in shared:
            if name.lower() in _TIMES or looks_like_stamp(next(other.chunks(texts=[name])).texts(name)[0]):
                return name
    return None


def join_on_time(scores: Path, labels: Path, name: str, label: str, columns: DataColumns) -> tuple[np.ndarray, ...]:
    """Return scores [T], and the label [T] of the row of another file that has the same stamp.

    Args:
        scores: table with a column score.
        labels: table with the labels; it may have more rows.
        name: column of time stamps in both.
        label: column of labels.
        columns: how stamps are written, and what words of labels mean.

    Raises:
        DataError: a score has no label, stamps are of two kinds, or one stands twice among the labels.
    """
    wanted, known = (_stamps(path, name, columns) for path in (scores, labels))
    if wanted.zone != known.zone:
        raise DataError(
            f"{scores} and {labels} write the stamps in '{name}' in other zones or units: write them alike, or take "
            f"--time-zone UTC."
        )
    keys = np.concatenate([_keys(known), _keys(wanted)])
    distinct, place = np.unique(keys, return_inverse=True)
    row = np.full(len(distinct), -1)
    row[place[: len(known)]] = np.arange(len(known))
    if (twice := row[place[: len(known)]] != np.arange(len(known))).any():
        raise DataError(
            f"{labels}: row {int(np.argmax(twice)) + 1} has a stamp in '{name}' that stands there twice: keep one "
            f"label per stamp."
        )
    found = row[place[len(known) :]]
    if (lost := found < 0).any():
        raise DataError(
            f"{scores}: row {int(np.argmax(lost)) + 1} has a stamp in '{name}' that {labels} lacks, as have "
            f"{int(lost.sum())} rows of {len(lost)}: give labels for all scores."
        )
    return read_columns(scores, ("score",))["score"], read_labels(labels, label, columns)[found]


def labels_in_time(scores: Path, name: str, columns: DataColumns) -> np.ndarray:
    """Return labels [T] of the rows of a table: 1 inside the intervals of `columns.label_intervals`.

    Raises:
        DataError: stamps or intervals cannot be read.
    """
    intervals = LabelIntervals.told(columns)
    assert intervals is not None
    return intervals.mark(_stamps(scores, name, columns))


def _stamps(path: Path, name: str, columns: DataColumns) -> Stamps:
    if not is_table(path):
        raise DataError(f"{path} is no table, so it has no column '{name}' of time stamps: write it as CSV or Parquet.")
    with open_table(path) as table:
        return columns.order(path, name).read(table.read(texts=[name]).texts(name), 1)


def _keys(stamps: Stamps) -> np.ndarray:
    keys = np.empty(len(stamps), dtype=[("whole", np.int64), ("part", np.float64)])
    keys["whole"], keys["part"] = stamps.whole, stamps.part
    return keys
