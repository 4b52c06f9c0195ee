"""Numenta Anomaly Benchmark: univariate series of servers, sensors and traffic, with windows around the anomalies.

Source: Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark"
(ICMLA 2015).
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, check_fraction, root_of, split_in_time, stamps_of
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask, Series

WINDOWS = "labels/combined_windows.json"


@LOADERS.register("nab")
def load_nab(folder: str | Path, train_fraction: float = 0.15) -> list[DetectionTask]:
    """Read `data/<group>/*.csv` and `labels/combined_windows.json`; tasks are named <group>-<file>.

    A row is anomalous inside a window, both ends included. The first 0.15 of the rows is what NAB does not evaluate
    (it stops at 750 rows, this fraction does not). Labelled series whose files are not there are left out.

    Raises:
        DataError: a file is missing or malformed, has no labels, or none of its rows lies in a window.
        OptionError: a fraction that is not between 0 and 1.
    """
    check_fraction(train_fraction)
    root = root_of(folder, WINDOWS)
    windows = _windows(root / WINDOWS)
    files = {path.relative_to(root / "data").as_posix(): path for path in (root / "data").glob("*/*.csv")}
    if not files:
        raise DataError(f"{root / 'data'} has no file <group>/<series>.csv.")
    for name, path in files.items():
        if name not in windows:
            raise DataError(f"{root / WINDOWS} has no entry '{name}' for {path}.")
    return [
        split_in_time(_series(files[name], name, windows[name]), train_fraction)
        for name in sorted(files, key=natural_key)
    ]


def _series(path: Path, name: str, windows: list[tuple[datetime, datetime]]) -> Series:
    with open_table(path) as table:
        rows = table.read(["value"], ["timestamp"])
    stamps = stamps_of(table, rows, "timestamp", zone="", known=True)
    labels = np.zeros(len(stamps), dtype=bool)
    for start, end in windows:
        inside = (stamps >= np.datetime64(start)) & (stamps <= np.datetime64(end))
        if not inside.any():
            raise DataError(f"{path}: no row lies in the labelled window {start} to {end}.")
        labels |= inside
    return Series(rows.numbers, labels, name.removesuffix(".csv").replace("/", "-"), ("value",), stamps)


def _windows(path: Path) -> dict[str, list[tuple[datetime, datetime]]]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(read, dict):
        raise DataError(f"{path}: expected an object of <group>/<series>.csv to windows, found {type(read).__name__}.")
    return {name: _listed(pairs, f"{path}, '{name}'") for name, pairs in read.items()}


def _listed(pairs: object, where: str) -> list[tuple[datetime, datetime]]:
    if not isinstance(pairs, list):
        raise DataError(f"{where}: expected a list of windows [start, end], found {pairs!r:.40}.")
    return [_window(pair, where) for pair in pairs]


def _window(pair: Any, where: str) -> tuple[datetime, datetime]:
    try:
        start, end = map(datetime.fromisoformat, pair)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: expected a window [start, end] of two time stamps, found {pair!r:.80}.") from error
    if start.tzinfo or end.tzinfo:
        raise DataError(f"{where}: expected time stamps without a time zone, as in the data, found {pair!r:.80}.")
    if end < start:
        raise DataError(f"{where}: the window {start} to {end} ends before it starts.")
    return start, end
