"""Lines of a CSV file as text: its header, and where a row of the table stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tsreward.errors import DataError


def header_of(path: Path, above: int = 0) -> list[str]:
    """Return the names in the first line below `above` lines, without the blanks around them.

    Raises:
        DataError: the file is missing, has no such line, or is not CSV in UTF-8.
    """
    for _, cells in cells_of(path, above):
        return [name.strip() for name in cells]
    raise DataError(f"{path} is empty{' below line ' + str(above) if above else ''}: expected a line of column names.")


def line_of(path: Path, row: int, above: int = 0) -> tuple[int, list[str]]:
    """Return the number of the line, from 1, that holds a row of the table, from 0, and its cells."""
    for position, (number, cells) in enumerate(cells_of(path, above)):
        if position == row + 1:  # the header comes first
            return number, cells
    raise DataError(f"{path} changed while it was read.")


def ragged_line(path: Path, above: int = 0) -> DataError | None:
    """Return the error for the first line with another number of columns than the header, if there is one."""
    wanted = None
    for number, cells in cells_of(path, above):
        wanted = wanted or len(cells)
        if len(cells) != wanted:
            return DataError(f"{path}, line {number} has {len(cells)} columns: expected {wanted}, as in the header.")
    return None


def cells_of(path: Path, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, from 1, and the cells of every line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in range(above):
                file.readline()
            reader = csv.reader(file)
            for cells in reader:
                if len(cells) > 1 or "".join(cells).strip():
                    yield above + reader.line_num, cells
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8 ({error}).") from error
