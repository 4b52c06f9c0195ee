"""Tables of your own, CSV or Parquet, as series."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, check_fraction, read_series, split_in_time
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask, Series

ENDINGS = (".csv", ".parquet")


@LOADERS.register("csv")
@LOADERS.register("parquet")
def load_tables(
    path: str | Path, label: str = "label", time: str | None = None, train_fraction: float = 0.5
) -> list[DetectionTask]:
    """Read one file, or all CSV and Parquet files of a folder, and split each in time.

    The first `train_fraction` of the rows is the training part, with its labels; tasks are named after the files.
    The columns are as in `read_table`, but a benchmark needs the labels.

    Raises:
        DataError: a file is missing or malformed; the message tells file, line and column.
        OptionError: a fraction that is not between 0 and 1.
    """
    check_fraction(train_fraction)
    return [split_in_time(read_table(file, label, time), train_fraction) for file in _files(Path(path))]


def read_table(path: str | Path, label: str | None = None, time: str | None = None) -> Series:
    """Return a file as a series: the columns but `label` and `time` are the values, `time` becomes the index.

    Labels are 0 or 1, or false or true. Times are numbers, or ISO 8601 text as in 2024-05-01 13:00:00, which becomes
    datetime64, in UTC where a zone is written. Without `time`, the index that a Parquet file brings is kept.

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
    with open_table(path) as table:
        table.require([name for name in (label, time) if name is not None])
        # The index of a pandas frame is no column of values.
        time = table.index[0] if time is None and len(table.index) == 1 else time
        columns = [name for name in table.names if name not in (label, time, *table.index)]
        return read_series(table, columns, path.stem, label, time)


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
