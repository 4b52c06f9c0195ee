"""Attack times of WaDi A1, whose files bring no labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.logs.reading import read_csv
from tsreward.errors import DataError

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
