"""TSB-AD: the leaderboard's own CSV files, univariate (TSB-AD-U) and multivariate (TSB-AD-M).

Source: Liu and Paparrizos, "The Elephant in the Room: Towards A Reliable Time-Series Anomaly Detection Benchmark"
(NeurIPS 2024).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, stems
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.named_warnings import warn
from tsreward.sequences.series import DetectionTask, Series

LABEL = "Label"
_NAME = re.compile(r"[0-9]+_.+_id_[0-9]+_.+_tr_([0-9]+)_1st_[0-9]+")


@LOADERS.register("tsb-ad")
def load_tsb_ad(path: str | Path) -> list[DetectionTask]:
    """Read one file, or all CSV files of a folder, named as in 057_SMD_id_1_Facility_tr_4529_1st_4629.csv.

    The protocol of this leaderboard: rows with a missing value are left out, a detector is fitted on the first `tr` of
    the others, and ALL of these are evaluated, those included. A warning says how many are left. The name of a task is
    that of its file without the ending.

    Raises:
        DataError: a file is missing or malformed, has another name, or fewer rows than `tr`.
    """
    path = Path(path)
    if not path.is_dir():
        return [_task(path)]
    found = sorted(stems(path, ".csv"), key=natural_key)
    if not found:
        raise DataError(f"{path} has no CSV file.")
    return [_task(path / f"{stem}.csv") for stem in found]


def published(path: Path) -> bool:
    """Tell whether a file, or a folder's first CSV file, has a name of the leaderboard."""
    found = sorted(stems(path, ".csv"), key=natural_key)[:1] if path.is_dir() else [path.stem]
    return bool(found) and _NAME.fullmatch(found[0]) is not None


def read_file_list(path: Path) -> tuple[str, ...]:
    """Return the names of the tasks in a list of files as the leaderboard has them: a table with a column file_name.

    Raises:
        DataError: the table is missing or malformed, or names no file.
    """
    with open_table(path) as table:
        table.require(["file_name"])
        names = tuple(Path(name.strip()).stem for name in table.read(texts=["file_name"]).texts("file_name"))
    if not names:
        raise DataError(f"{path} names no file.")
    return names


def _task(path: Path) -> DetectionTask:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            f"{path}: expected a name as in 057_SMD_id_1_Facility_tr_4529_1st_4629.csv, whose tr is the number of "
            f"training rows."
        )
    rows = int(match[1])
    with open_table(path) as table:
        *columns, last = table.names
        if last != LABEL:
            raise DataError(f"{path}: the last column must be '{LABEL}', found '{last}'.")
        if not columns:
            raise DataError(f"{path} has no column of values.")
        numbers = table.read([*columns, LABEL], gaps=True).numbers
        whole = ~np.isnan(numbers).any(1)
        labels = table.labels(np.where(whole, numbers[:, -1], 0.0), LABEL)
    if not whole.any():
        raise DataError(f"{path}: every row has a missing value.")
    series = Series(numbers[whole, :-1], labels[whole], path.stem, tuple(columns))
    left = f"{len(series)} of {len(numbers)} rows are left without those with missing values"
    if len(series) < len(numbers):
        warn("rows left out", f"{path}: {left}, as the published protocol has it; tr counts what is left.")
    if not 0 < rows <= len(series):
        has = f"it has {len(series)} rows" if len(series) == len(numbers) else left
        raise DataError(f"{path}: its name gives {rows} training rows, but {has}.")
    return DetectionTask(series.name, series.rows(0, rows), series)
