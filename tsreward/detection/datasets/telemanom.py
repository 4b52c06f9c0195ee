"""Telemanom: telemetry of the SMAP satellite (25 channels a file) and of the Curiosity rover MSL (55).

Source: Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic Thresholding" (KDD 2018).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.tables import open_table
from tsreward.detection.datasets.reading import LOADERS, chosen, need, root_of
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series


def mark(spans: Iterable[tuple[int, int]], rows: int, where: str) -> np.ndarray:
    """Return labels [rows] bool that are true from the start to the end of every span, the end included.

    Raises:
        DataError: a span that ends before it starts, or leaves the rows; `where` says what it belongs to.

    >>> mark([(1, 2)], rows=4, where="machine 7")
    array([False,  True,  True, False])
    """
    labels = np.zeros(rows, dtype=bool)
    for start, end in spans:
        if end < start:
            raise DataError(f"{where}: the span [{start}, {end}] ends before it starts.")
        if start < 0 or end >= rows:
            raise DataError(f"{where}: the span [{start}, {end}] leaves the rows 0 to {rows - 1} of the data.")
        labels[start : end + 1] = True
    return labels


TABLE = "labeled_anomalies.csv"
CHANNEL, SPANS = "chan_id", "anomaly_sequences"


@LOADERS.register("telemanom")
def load_telemanom(folder: str | Path, names: Iterable[str] | None = None) -> list[DetectionTask]:
    """Read `{train,test}/<channel>.npy` and `labeled_anomalies.csv`, whose spans include their end.

    A channel that is listed twice (P-2 as published) has the anomalies of both lines. How long a channel is, its file
    says, not the column num_values. Files that are not listed have no labels and are left out; channels that are listed
    but have no file are left out, unless `names` asks for them.

    Raises:
        DataError: a file is missing or malformed, or a span is not in its file.
        OptionError: a channel that is not listed.
    """
    root = root_of(folder, TABLE)
    spans = _spans(root / TABLE)
    wanted = chosen("channel", spans, names)
    if names is None:
        wanted = [name for name in wanted if any((root / part / f"{name}.npy").exists() for part in ("train", "test"))]
        if not wanted:
            raise DataError(f"{root} has none of the files train/<channel>.npy and test/<channel>.npy of its {TABLE}.")
    return [_task(root, name, spans[name]) for name in wanted]


def _spans(path: Path) -> dict[str, list[tuple[int, int]]]:
    with open_table(path) as table:
        rows = table.read(texts=(CHANNEL, SPANS))
    spans: dict[str, list[tuple[int, int]]] = {}
    for row, (name, text) in enumerate(zip(rows.texts(CHANNEL), rows.texts(SPANS), strict=True), 1):
        if not name.strip():
            raise table.fault(row, CHANNEL, "the name of a channel", name, "name it, or drop the row")
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not all(_is_span(span) for span in listed):
            raise table.fault(row, SPANS, "a list of spans as in [[2149, 2349], [4536, 4844]]", text, "correct it")
        spans.setdefault(name, []).extend((start, end) for start, end in listed)
    return spans


def _is_span(span: object) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(type(row) is int for row in span)


def _task(root: Path, name: str, spans: list[tuple[int, int]]) -> DetectionTask:
    train, test = (root / part / f"{name}.npy" for part in ("train", "test"))
    trained = _values(need(train, f"but {TABLE} lists channel {name}"))
    tested = _values(need(test, f"the partner of {train}"))
    if trained.shape[1] != tested.shape[1]:
        raise DataError(f"{test} has {tested.shape[1]} columns: expected {trained.shape[1]}, as in {train}.")
    labels = mark(spans, len(tested), f"{root / TABLE}, channel {name}")
    return DetectionTask(name, Series(trained, name=name), Series(tested, labels, name))


def _values(path: Path) -> np.ndarray:
    values = read_arrays(path).get("array")
    if values is None or values.ndim != 2 or 0 in values.shape:
        found = "several arrays" if values is None else f"shape {list(values.shape)}"
        raise DataError(f"{path} must hold one array [T, D], one row per time step, found {found}.")
    if len(bad := np.argwhere(~np.isfinite(values))):
        row, column = bad[0]
        raise DataError(
            f"{path}: row {row + 1}, column {column + 1}: expected a finite number, found {values[row, column]}."
        )
    return values
