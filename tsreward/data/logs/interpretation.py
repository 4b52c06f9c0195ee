"""Which channels an anomaly of the Server Machine Dataset shows in: its `interpretation_label` files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tsreward.errors import DataError
from tsreward.series import Series

_LINE = re.compile(r"([0-9]+)-([0-9]+):([0-9]+(?:,[0-9]+)*)")


@dataclass(frozen=True)
class Interpretation:
    """One anomaly, and the channels that show it."""

    start: int
    """First row, from 0."""
    end: int
    """The row after the last, as in the label files."""
    dims: tuple[int, ...]
    """Numbers of the channels, from 1 as published."""


def read_interpretation(path: str | Path, series: Series | None = None) -> list[Interpretation]:
    """Read the lines `start-end:dim,dim,...` of one machine, and check them against its series where it is given.

    The spans are as published; in at least one machine (2-3) one of them is longer than what its label file marks.

    Raises:
        DataError: the file is missing, empty or malformed, or a span or channel is not in the series.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as lines start-end:dim,dim,... ({error}).") from error
    if not lines:
        raise DataError(f"{path} is empty: expected lines start-end:dim,dim,...")
    return [_parse(line, f"{path}, line {number}", series) for number, line in enumerate(lines, 1)]


def _parse(line: str, where: str, series: Series | None) -> Interpretation:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise DataError(f"{where}: expected start-end:dim,dim,... as in 4629-4688:9,10, found {line[:40]!r}.")
    start, end, dims = int(match[1]), int(match[2]), tuple(map(int, match[3].split(",")))
    if end <= start:
        raise DataError(f"{where}: the span {start}-{end} must end after it starts.")
    if series is not None and end > len(series):
        raise DataError(f"{where}: the span {start}-{end} leaves the {len(series)} rows of '{series.name}'.")
    for dim in dims:
        if dim < 1 or (series is not None and dim > series.dim):
            limit = "" if series is None else f" to {series.dim}"
            raise DataError(f"{where}: channels are numbered from 1{limit}, found {dim}.")
    return Interpretation(start, end, dims)
