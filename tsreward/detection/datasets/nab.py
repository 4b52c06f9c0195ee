"""Numenta Anomaly Benchmark: univariate series of servers, sensors and traffic, with windows around the anomalies.

Source: Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark"
(ICMLA 2015).
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.detection.datasets.reading import check_fraction, natural, read_csv, root_of, split
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series

if TYPE_CHECKING:
    import pandas


WINDOWS = "labels/combined_windows.json"


def load_nab(folder: str | Path, train_fraction: float = 0.15) -> list[DetectionTask]:
    """Read `data/<group>/*.csv` and `labels/combined_windows.json`; tasks are named <group>-<file>.

    A row is anomalous inside a window, both ends included. The first 0.15 of the rows is what NAB does not judge (it
    stops at 750 rows, this share does not). Labelled series whose files are not there are left out.

    Raises:
        DataError: a file is missing or malformed, has no labels, or none of its rows lies in a window.
        OptionError: a share that is not between 0 and 1.
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
    return [split(_series(files[name], name, windows[name]), train_fraction) for name in sorted(files, key=natural)]


def _series(path: Path, name: str, windows: list[tuple[datetime, datetime]]) -> Series:
    frame = read_csv(path)
    frame.require(["timestamp", "value"])
    values, stamps = frame.values(["value"]), frame.stamps("timestamp")
    labels = np.zeros(len(values), dtype=bool)
    for start, end in windows:
        inside = _inside(stamps, start, end)
        if not inside.any():
            raise DataError(f"{path}: no row lies in the labelled window {start} to {end}.")
        labels |= inside
    return Series(values, labels, name.removesuffix(".csv").replace("/", "-"), ("value",), stamps)


def _inside(stamps: pandas.DatetimeIndex, start: datetime, end: datetime) -> np.ndarray:
    return np.asarray((stamps >= start) & (stamps <= end))


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
