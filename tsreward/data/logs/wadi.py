"""WaDi: a water distribution plant under attack, 123 sensors and actuators, one row a second.

Source: Ahmed et al., "WADI: a water distribution testbed for research in the design of secure cyber physical systems"
(CySWATER 2017). The set is given out by iTrust (SUTD) on request.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.logs.filling import fill_gaps
from tsreward.data.logs.folders import need
from tsreward.data.logs.frames import Frame
from tsreward.data.logs.lines import cells_of
from tsreward.data.logs.naming import natural
from tsreward.data.logs.reading import check_names, read_csv
from tsreward.data.logs.wadi_attacks import Attacks, attack_labels
from tsreward.data.logs.wadi_time import stamps_of
from tsreward.errors import DataError, OptionError
from tsreward.series import DetectionTask, Series

FILES = {
    "WaDi-A1": ("WADI_14days.csv", "WADI_attackdata.csv"),
    "WaDi-A2": ("WADI_14days_new.csv", "WADI_attackdataLABLE.csv"),
}
LABEL = "Attack LABLE (1:No Attack, -1:Attack)"
NO_VALUES = ("Row", "Date", "Time", LABEL)


def load_wadi(folder: str | Path, attacks: Attacks = None) -> list[DetectionTask]:
    """Read the release A1 (October 2017), A2 (November 2019), or both, in a folder or in the folders directly below it.

    A1 brings no labels in its files, only a description. `attacks` gives them: pairs (start, end), both included, of
    datetimes or texts as in 2017-10-09 19:25:00, or a CSV file with the columns start and end; by default the file
    `attacks.csv` beside the data. A2 has a column of labels.

    Columns that are empty in one of the two parts are dropped from both; other gaps take the last value above, or else
    the first below. Rows at the end without any value are dropped. The index holds Date and Time: time stamps, or, in
    copies of A2 that lost the hours, their text.

    Raises:
        DataError: a file is missing or malformed, or A1 has no attack times; the message tells file, line and column.
        OptionError: `attacks` are given, but there is no A1.
        MissingExtraError: pandas is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    # The folder itself comes last, so that it wins over one below it.
    places = [*sorted(path for path in folder.iterdir() if path.is_dir()), folder]
    found = {name: at for name, files in FILES.items() for at in places if any((at / file).is_file() for file in files)}
    if not found:
        wanted = " nor ".join(" with ".join(files) for files in FILES.values())
        raise DataError(f"{folder} has neither {wanted}: give the folder that holds them.")
    if attacks is not None and "WaDi-A1" not in found:
        raise OptionError(f"{folder} holds WaDi A2 only, whose labels are in its files: attacks are for A1.")
    return [_task(name, found[name], attacks) for name in sorted(found, key=natural)]


@dataclass
class Part:
    """One file: its columns of values, with gaps, and its other columns."""

    frame: Frame
    columns: list[str]
    values: np.ndarray
    """[T, D] float64; the rows at the end that hold no value are not in it."""


def _task(name: str, folder: Path, attacks: Attacks) -> DetectionTask:
    train, test = (folder / file for file in FILES[name])
    learn = _part(need(train, f"the partner of {test}"))
    judge = _part(need(test, f"the partner of {train}"), learn.columns)
    stamps = stamps_of(judge.frame, len(judge.values))
    labels = _labels(judge) if name == "WaDi-A2" else attack_labels(attacks, stamps, folder)
    kept = ~(_empty(learn) | _empty(judge))
    columns = tuple(column for column, keep in zip(learn.columns, kept, strict=True) if keep)
    if not columns:
        raise DataError(f"{folder}: every column is empty in {train.name} or in {test.name}.")
    return DetectionTask(
        name,
        _series(name, learn, kept, columns, stamps_of(learn.frame, len(learn.values)), None),
        _series(name, judge, kept, columns, stamps, labels),
    )


def _part(path: Path, columns: list[str] | None = None) -> Part:
    frame = read_csv(path, _lines_above(path), gaps=True)
    # Names in A1 are paths on the plant's own computer.
    frame.data.columns = [name.rpartition("\\")[2].strip() for name in frame.data.columns]
    check_names(path, list(frame.data.columns))
    found = [name for name in frame.data.columns if name not in NO_VALUES]
    if columns is not None:
        frame.require(columns)
        for name in found:
            if name not in columns:
                raise DataError(f"{path} has a column '{name}' that the part to learn from lacks.")
    values = frame.values(columns or found)
    rows = len(values)
    while rows and np.isnan(values[rows - 1]).all():
        rows -= 1
    if not rows:
        raise DataError(f"{path} holds no value.")
    return Part(frame, columns or found, values[:rows])


def _lines_above(path: Path, most: int = 10) -> int:
    """Return the number of lines above the header: 4 in A1's normal data, 1 in A2's attack data, else none."""
    for number, cells in islice(cells_of(path), most):
        if cells[0].strip() == "Row":
            return number - 1
    raise DataError(f"{path}: expected a header that begins with Row, Date, Time in its first lines, found none.")


def _labels(part: Part) -> np.ndarray:
    marks = part.frame.numbers(LABEL)[: len(part.values)]
    bad = ~np.isin(marks, (1, -1))
    if bad.any():
        raise part.frame.fault(int(bad.argmax()), LABEL, "1 (no attack) or -1 (attack)")
    return marks == -1


def _empty(part: Part) -> np.ndarray:
    return np.array([np.isnan(column).all() for column in part.values.T])


def _series(
    name: str, part: Part, kept: np.ndarray, columns: tuple[str, ...], stamps: Any, labels: np.ndarray | None
) -> Series:
    values = part.values if kept.all() else part.values[:, kept]
    fill_gaps(values)
    return Series(values, labels, name, columns, stamps)
