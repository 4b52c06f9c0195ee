"""Tables of your own, CSV or Parquet, as series."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tsreward.data.columns import TableColumns
from tsreward.data.logs import mapped_labels
from tsreward.data.table import is_nothing
from tsreward.data.tables import Table, open_table
from tsreward.data.time_intervals import LabelIntervals
from tsreward.detection.datasets.reading import LOADERS, check_fraction, read_series, split_in_time
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.named_warnings import warn
from tsreward.sequences.cleaning import RowCleaner
from tsreward.sequences.expectation import Expectation
from tsreward.sequences.series import DetectionTask, Series

_LOGGER = logging.getLogger("tsreward")
ENDINGS = (".csv", ".parquet")


@LOADERS.register("csv")
@LOADERS.register("parquet")
def load_tables(
    path: str | Path,
    label: str = "label",
    time: str | None = None,
    train_fraction: float = 0.5,
    columns: TableColumns = TableColumns(),  # noqa: B008 - frozen
) -> list[DetectionTask]:
    """Read one file, or all CSV and Parquet files of a folder, and split each in time.

    The first `train_fraction` of the rows is the training part, with its labels; tasks are named after the files.
    The columns are as in `read_table`, but a benchmark needs the labels.

    Raises:
        DataError: a file is missing or malformed; the message tells file, line and column.
        OptionError: a fraction that is not between 0 and 1.
    """
    check_fraction(train_fraction)
    named = label if columns.label is None and columns.label_intervals is None else columns.label
    read = (read_table(file, named, time, columns, train_fraction) for file in _files(Path(path)))
    return [split_in_time(series, train_fraction) for series in read]


def read_table(
    path: str | Path,
    label: str | None = None,
    time: str | None = None,
    columns: TableColumns = TableColumns(),  # noqa: B008 - frozen
    train_fraction: float = 1.0,
) -> Series:
    """Return a file as a series: the columns but `label` and `time` are the values, `time` becomes the index.

    Labels are 0 or 1, or false or true; 1 is anomalous, but normal in a column that is called safe, is_safe, normal or
    is_normal (`columns.label_means` says otherwise). Times are numbers, or ISO 8601 text as in 2024-05-01 13:00:00,
    which becomes datetime64, in UTC where a zone is written. Without `time`, the index that a Parquet file brings is
    kept.

    Args:
        path: the file.
        label: column of labels; None has none.
        time: column of time stamps, whose order is checked; None has none.
        columns: what else is said about columns and rows: ignore, missing, gap, ...; label and time where they are not
            given.
        train_fraction: the first rows by which values are filled in where `columns.missing` is mask.

    Raises:
        DataError: the file is missing or malformed, or is neither CSV nor Parquet by its ending.
        MissingExtraError: pyarrow is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "web.csv")
    ...     _ = path.write_text("time,load,label\\n2024-05-01 00:00:00,0.5,0\\n2024-05-01 00:01:00,9,1\\n")
    ...     series = read_table(path, label="label", time="time")
    >>> series.columns, series.values[:, 0], series.labels, str(series.index[1])
    (('load',), array([0.5, 9. ]), array([False,  True]), '2024-05-01T00:01:00')
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: expected a file that ends in {' or '.join(ENDINGS)}.")
    label, time = label or columns.label, time or columns.time
    with open_table(path, columns.skip_rows) as table:
        named = [*columns.ignore, *(name for name in (label, time) if name is not None)]
        table.require(named)
        # The index of a pandas frame is no column of values.
        index = table.index[0] if time is None and len(table.index) == 1 else time
        sensors = [name for name in table.names if name not in (*named, *table.index)]
        if columns == TableColumns(label=columns.label, time=columns.time, ignore=columns.ignore) and time is None:
            series = read_series(table, sensors, path.stem, label, index)
        else:
            series = _read_rows(table, sensors, label, time, columns, train_fraction)
    if columns.means_normal(label) and series.labels is not None:
        _LOGGER.info("%s: %s is 1 where a row is normal.", path, label)
        series = replace(series, labels=~series.labels)
    return series


def _read_rows(
    table: Table, sensors: list[str], label: str | None, time: str | None, columns: TableColumns, fraction: float
) -> Series:
    """Return the rows of a table, checked and cleaned as `columns` says."""
    if not sensors:
        raise DataError(f"{table.path} has no column of values.")
    words = columns.label_words()
    numbers = [*sensors, *([] if label is None or words else [label])]
    texts = [name for name in (time, label if words else None) if name is not None]
    rows = table.read(numbers, texts, gaps=columns.missing != "error")
    values, length = rows.numbers[:, : len(sensors)], len(rows.numbers)
    labels, index, starts, seconds, notes = None, None, np.zeros(length, dtype=bool), None, list[str]()
    if label is not None:
        labels = (
            mapped_labels(table, rows.texts(label), label, 1, words) > 0
            if words
            else table.labels(rows.numbers[:, -1], label)
        )
    if time is not None:
        order = columns.order(table.path, time)
        cells = rows.texts(time)
        lacks = np.array([columns.missing == "drop" and is_nothing(cell) for cell in cells])
        stamps = order.check_some(lambda part: order.read(cells[part], 1 + part.start), lacks, 1)
        values = np.where(lacks[:, None], np.nan, values)
        index, starts, seconds, notes = stamps.as_array(), order.breaks, stamps.since(stamps), order.notes()
        if (intervals := LabelIntervals.told(columns)) is not None:
            labels = intervals.mark(stamps) > 0
            notes += intervals.notes()
        if text := order.warning():
            warn("irregular time", text)
    cleaner = RowCleaner(columns.missing, sensors, table.path)
    parts = [cleaner.push(values, starts, seconds), cleaner.finish()]
    values, kept, starts = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "rows", "starts")
    )
    if np.isnan(values).any():
        learned = values[: max(1, int(fraction * len(values)))]
        values = Expectation(len(sensors)).fit(learned[~np.isnan(learned).any(1)]).fill(values)
    if notes := [*notes, *cleaner.notes()]:
        _LOGGER.info("%s: %s.", table.path, "; ".join(notes))
    part = [None if given is None else given[kept] for given in (labels, index)]
    return Series(values, part[0], table.path.stem, tuple(sensors), part[1], starts if starts.any() else None)


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = [file for file in path.iterdir() if file.suffix.lower() in ENDINGS and not file.name.startswith(".")]
    if not files:
        raise DataError(f"{path} has no file that ends in {' or '.join(ENDINGS)}.")
    files.sort(key=lambda file: natural_key(file.name))
    for first, second in pairwise(files):
        if first.stem == second.stem:
            raise DataError(f"{first} and {second} have the same name: keep one of them.")
    return files
