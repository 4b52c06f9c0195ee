"""WaDi: a water distribution plant under attack, 123 sensors and actuators, one row a second.

Source: Ahmed et al., "WADI: a water distribution testbed for research in the design of secure cyber physical systems"
(CySWATER 2017). The set is given out by iTrust (SUTD) on request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.tables import Table, TextTable, open_table
from tsreward.detection.datasets.reading import LOADERS, need, stamps_of
from tsreward.errors import DataError, OptionError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask, Series
from tsreward.sequences.time import StampError, parse_stamps

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)|(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(\.\d{1,6})?( [AP]M)?", re.ASCII | re.IGNORECASE)


def wadi_stamps(table: Table, dates: Sequence[str], times: Sequence[str]) -> np.ndarray:
    """Return the time stamps [T] as datetime64, or their text where the notation is unknown.

    Every release writes them in another notation, as in 9/25/2017, 6:00:00.000 PM; that of the first row holds. Copies
    of A2 that went through a spreadsheet have times as in 00:01.0, minutes and seconds without the hour: these stay
    text.

    Raises:
        DataError: a row is written otherwise than the first.
    """
    notations = _date(dates[0])[0], _time(times[0])[0]
    if not all(notations):
        return np.array(
            [f"{date.strip()} {time.strip()}" for date, time in zip(dates, times, strict=True)], dtype=object
        )
    cells = []
    for row, (date, time) in enumerate(zip(dates, times, strict=True), 1):
        (day_notation, day), (clock_notation, clock) = _date(date), _time(time)
        for name, cell, notation, known in (
            ("Date", date, day_notation, notations[0]),
            ("Time", time, clock_notation, notations[1]),
        ):
            if notation != known:
                wanted = f"in the notation of the first row, {(dates if name == 'Date' else times)[0]!r}"
                raise table.fault(row, name, wanted, cell, "correct it")
        cells.append(f"{day}T{clock}")
    try:
        return parse_stamps(cells, zone="", known=True).as_array()
    except StampError as error:
        row = error.position
        raise table.fault(row + 1, "Date", str(error), f"{dates[row]} {times[row]}", "correct it") from None


@cache
def _date(cell: str) -> tuple[str, str]:
    """Return the notation of a date, empty where it is unknown, and the date in ISO 8601."""
    found = _DATE.fullmatch(cell.strip())
    if found is None:
        return "", ""
    if found[4]:
        return "ISO", found[0]
    year = found[3] if len(found[3]) == 4 else f"20{found[3]}"
    return f"month/day/{len(found[3])}", f"{year}-{int(found[1]):02}-{int(found[2]):02}"


@cache
def _time(cell: str) -> tuple[str, str]:
    """Return the notation of a time of day, empty where it is unknown, and the time in ISO 8601."""
    found = _TIME.fullmatch(cell.strip())
    if found is None or (found[5] and not 1 <= int(found[1]) <= 12):
        return "", ""
    hour, fraction = int(found[1]), found[4] or ""
    if found[5]:
        hour = hour % 12 + 12 * (found[5].upper() == " PM")
    return f"{bool(found[5])} {bool(fraction)}", f"{hour:02}:{found[2]}:{found[3]}{fraction}"


Attacks = Sequence[tuple[str | datetime, str | datetime]] | str | Path | None
FILE = "attacks.csv"


def attack_labels(attacks: Attacks, stamps: Any, folder: Path) -> np.ndarray:
    """Return labels [T] bool that are true from the start to the end of every attack, the end included.

    `stamps` are those of the rows, datetime64 [T]. Without `attacks`, the file attacks.csv of the folder is read.

    Raises:
        DataError: no attacks, a malformed one, one that ends before it starts, or one in which no row lies.
    """
    if stamps.dtype.kind != "M":
        raise DataError(
            f"{folder}: the times of WaDi A1 must be as in 10/9/2017, 6:00:00.000 PM, to tell which rows are attacks; "
            f"found {str(stamps[0])!r}."
        )
    labels = np.zeros(len(stamps), dtype=bool)
    for start, end, where in _attacks(attacks, folder):
        if end < start:
            raise DataError(f"{where}: the attack {start} to {end} ends before it starts.")
        inside = (stamps >= np.datetime64(start)) & (stamps <= np.datetime64(end))
        if not inside.any():
            rows = f"{stamps[0]} to {stamps[-1]}".replace("T", " ")
            raise DataError(f"{where}: no row lies in the attack {start} to {end}; rows are {rows}.")
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
        with open_table(Path(attacks)) as table:
            rows = table.read(texts=("start", "end"))
        starts, ends = (
            stamps_of(table, rows, side, zone="", known=True).astype("datetime64[us]").tolist()
            for side in ("start", "end")
        )
        pairs = zip(starts, ends, strict=True)
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


FILES = {
    "WaDi-A1": ("WADI_14days.csv", "WADI_attackdata.csv"),
    "WaDi-A2": ("WADI_14days_new.csv", "WADI_attackdataLABLE.csv"),
}
LABEL = "Attack LABLE (1:No Attack, -1:Attack)"
NO_VALUES = ("Row", "Date", "Time", LABEL)


@LOADERS.register("wadi")
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
        MissingExtraError: pyarrow is not installed.
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
    return [_task(name, found[name], attacks) for name in sorted(found, key=natural_key)]


@dataclass
class Part:
    """One file."""

    columns: list[str]
    values: np.ndarray
    """[T, D] float64 with gaps; the rows at the end that hold no value are not in it."""
    stamps: np.ndarray
    """[T] datetime64 or text."""
    labels: np.ndarray | None
    """[T] bool, where the file has them."""


def _task(name: str, folder: Path, attacks: Attacks) -> DetectionTask:
    train, test = (folder / file for file in FILES[name])
    trained = _part(need(train, f"the partner of {test}"))
    tested = _part(need(test, f"the partner of {train}"), trained.columns, labelled=name == "WaDi-A2")
    labels = attack_labels(attacks, tested.stamps, folder) if tested.labels is None else tested.labels
    kept = ~(_empty(trained) | _empty(tested))
    columns = tuple(column for column, keep in zip(trained.columns, kept, strict=True) if keep)
    if not columns:
        raise DataError(f"{folder}: every column is empty in {train.name} or in {test.name}.")
    return DetectionTask(
        name,
        Series(fill_gaps(trained.values[:, kept]), None, name, columns, trained.stamps),
        Series(fill_gaps(tested.values[:, kept]), labels, name, columns, tested.stamps),
    )


def _part(path: Path, columns: list[str] | None = None, labelled: bool = False) -> Part:
    # Names in A1 are paths on the plant's own computer.
    with TextTable(path, above=_lines_above(path), rename=lambda name: name.rpartition("\\")[2].strip()) as table:
        found = [name for name in table.names if name not in NO_VALUES]
        if columns is not None:
            table.require(columns)
            for name in found:
                if name not in columns:
                    raise DataError(f"{path} has a column '{name}' that the training part lacks.")
        columns = columns or found
        rows = table.read([*columns, *([LABEL] if labelled else [])], ["Date", "Time"], gaps=True)
    values = rows.numbers[:, : len(columns)]
    length = len(values)
    while length and np.isnan(values[length - 1]).all():
        length -= 1
    if not length:
        raise DataError(f"{path} holds no value.")
    labels = None
    if labelled:
        marks = rows.numbers[:length, -1]
        labels = marks == -1
        if (bad := ~labels & (marks != 1)).any():
            row = int(np.argmax(bad))
            cell = "" if np.isnan(marks[row]) else f"{marks[row]:g}"
            raise table.fault(row + 1, LABEL, "1 (no attack) or -1 (attack)", cell, "correct it")
    stamps = wadi_stamps(table, rows.texts("Date")[:length], rows.texts("Time")[:length])
    return Part(columns, values[:length], stamps, labels)


def _lines_above(path: Path, most: int = 10) -> int:
    """Return the number of lines above the header: 4 in A1's normal data, 1 in A2's attack data, else none."""
    with path.open("rb") as file:
        for number in range(most):
            if re.match(rb'(\xef\xbb\xbf)?"?\s*Row\s*"?(,|$)', file.readline(2**16)):
                return number
    raise DataError(f"{path}: expected a header that begins with Row, Date, Time in its first lines, found none.")


def _empty(part: Part) -> np.ndarray:
    return np.array([np.isnan(column).all() for column in part.values.T])


def fill_gaps(values: np.ndarray) -> np.ndarray:
    """Return values [T, D] with the last value above in place of every NaN, or else the first below.

    A column of NaN only stays as it is.

    >>> fill_gaps(np.array([[np.nan], [1.0], [np.nan], [3.0]]))[:, 0]
    array([1., 1., 1., 3.])
    """
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # made at run time, so unknown to type checkers
    filled = np.empty_like(values)
    for position, column in enumerate(values.T):
        gaps = pyarrow.array(np.ascontiguousarray(column), from_pandas=True)
        known = compute.fill_null_backward(compute.fill_null_forward(gaps))
        filled[:, position] = known.to_numpy(zero_copy_only=False)
    return filled
