"""WaDi: a water distribution plant under attack, 123 sensors and actuators, one row a second.

Source: Ahmed et al., "WADI: a water distribution testbed for research in the design of secure cyber physical systems"
(CySWATER 2017). The set is given out by iTrust (SUTD) on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.detection.datasets.reading import Frame, cells_of, check_names, natural, need, read_csv
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import DetectionTask, Series

DATES = ("%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d")
TIMES = ("%I:%M:%S.%f %p", "%I:%M:%S %p", "%H:%M:%S.%f", "%H:%M:%S")


def stamps_of(frame: Frame, rows: int) -> Any:
    """Return the time stamps of the first rows: a DatetimeIndex, or their text [rows] where the notation is unknown.

    The notation is that of the first row. Copies of A2 that went through a spreadsheet have times as in 00:01.0,
    minutes and seconds without the hour: these stay text.

    Raises:
        DataError: a column is missing, or a row is written otherwise than the first.
    """
    import pandas

    frame.require(["Date", "Time"])
    date, time = (frame.data[name].iloc[:rows].astype("string").str.strip() for name in ("Date", "Time"))
    forms = _form(date.iloc[0], DATES), _form(time.iloc[0], TIMES)
    if None in forms:
        return (date + " " + time).to_numpy(dtype=object, na_value="")
    parsed = []
    for name, texts, form in zip(("Date", "Time"), (date, time), forms, strict=True):
        stamps = pandas.to_datetime(texts, format=form, errors="coerce")
        missing = stamps.isna().to_numpy(dtype=bool)
        if missing.any():
            raise frame.fault(int(np.argmax(missing)), name, f"the notation of the first row, {texts.iloc[0]!r}")
        parsed.append(stamps)
    day, clock = parsed
    return pandas.DatetimeIndex(day + (clock - pandas.Timestamp(1900, 1, 1)))


def _form(text: Any, forms: tuple[str, ...]) -> str | None:
    for form in forms:
        try:
            datetime.strptime(text, form)
        except (ValueError, TypeError):
            continue
        return form
    return None


Attacks = Sequence[tuple[str | datetime, str | datetime]] | str | Path | None
FILE = "attacks.csv"


def attack_labels(attacks: Attacks, stamps: Any, folder: Path) -> np.ndarray:
    """Return labels [T] bool that are true from the start to the end of every attack, the end included.

    `stamps` are those of the rows, a DatetimeIndex [T]. Without `attacks`, the file attacks.csv of the folder is read.

    Raises:
        DataError: no attacks, a malformed one, one that ends before it starts, or one in which no row lies.
    """
    if not hasattr(stamps, "tz"):
        raise DataError(
            f"{folder}: the times of WaDi A1 must be as in 10/9/2017, 6:00:00.000 PM, to tell which rows are attacks; "
            f"found {str(stamps[0])!r}."
        )
    labels = np.zeros(len(stamps), dtype=bool)
    for start, end, where in _attacks(attacks, folder):
        if end < start:
            raise DataError(f"{where}: the attack {start} to {end} ends before it starts.")
        inside = np.asarray((stamps >= start) & (stamps <= end))
        if not inside.any():
            raise DataError(
                f"{where}: no row lies in the attack {start} to {end}; rows are {stamps[0]} to {stamps[-1]}."
            )
        labels |= inside
    return labels


def _attacks(attacks: Attacks, folder: Path) -> list[tuple[datetime, datetime, str]]:
    if attacks is None:
        attacks = folder / FILE
        if not attacks.is_file():
            raise DataError(
                f"WaDi A1 brings no labels in its files: write the attack times of its description to {attacks}, with "
                f"the columns start and end as in 2017-10-09 19:25:00, or give them as attacks."
            )
    if isinstance(attacks, str | Path):
        frame = read_csv(Path(attacks))
        starts, ends = frame.stamps("start"), frame.stamps("end")
        pairs = list(zip(starts.to_pydatetime(), ends.to_pydatetime(), strict=True))
        return [(start, end, f"{attacks}, attack {number}") for number, (start, end) in enumerate(pairs, 1)]
    if not len(attacks):
        raise DataError("attacks is empty: give the pairs (start, end) of the attacks.")
    return [(*_pair(pair, number), f"attack {number}") for number, pair in enumerate(attacks, 1)]


def _pair(pair: Any, number: int) -> tuple[datetime, datetime]:
    try:
        start, end = (time if isinstance(time, datetime) else datetime.fromisoformat(time) for time in pair)
    except (TypeError, ValueError) as error:
        raise DataError(f"attack {number}: expected (start, end) as in 2017-10-09 19:25:00, found {pair!r}.") from error
    if start.tzinfo or end.tzinfo:
        raise DataError(f"attack {number}: expected times without a time zone, as in the data, found {pair!r}.")
    return start, end


def fill_gaps(values: np.ndarray) -> None:
    """Replace every NaN of an array [T, D], in place, by the last value above it, or else by the first below it.

    A column of NaN only stays as it is.

    >>> values = np.array([[np.nan], [1.0], [np.nan], [3.0]])
    >>> fill_gaps(values)
    >>> values[:, 0]
    array([1., 1., 1., 3.])
    """
    for column in values.T:
        known = np.flatnonzero(~np.isnan(column))
        if 0 < len(known) < len(column):
            before = np.searchsorted(known, np.arange(len(column)), side="right") - 1
            column[:] = column[known[before.clip(min=0)]]


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
