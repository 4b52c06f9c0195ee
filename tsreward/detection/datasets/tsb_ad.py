"""TSB-AD: the leaderboard's own CSV files, univariate (TSB-AD-U) and multivariate (TSB-AD-M).

Source: Liu and Paparrizos, "The Elephant in the Room: Towards A Reliable Time-Series Anomaly Detection Benchmark"
(NeurIPS 2024).
"""

from __future__ import annotations

import re
from pathlib import Path

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, read_series, stems
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask

LABEL = "Label"
_NAME = re.compile(r"[0-9]+_.+_id_[0-9]+_.+_tr_([0-9]+)_1st_[0-9]+")


@LOADERS.register("tsb-ad")
def load_tsb_ad(path: str | Path) -> list[DetectionTask]:
    """Read one file, or all CSV files of a folder, named as in 057_SMD_id_1_Facility_tr_4529_1st_4629.csv.

    The protocol of this leaderboard: a detector is fitted on the first `tr` rows, and ALL rows are evaluated, those
    included. The name of a task is that of its file without the ending.

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
        series = read_series(table, columns, path.stem, LABEL)
    if not 0 < rows <= len(series):
        raise DataError(f"{path}: its name gives {rows} training rows, but it has {len(series)} rows.")
    return DetectionTask(series.name, series.rows(0, rows), series)
