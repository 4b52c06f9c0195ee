"""Text files of numbers without a header: one row a line, separated by commas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.errors import DataError


def read_plain(path: Path) -> np.ndarray:
    """Return the numbers [T, D] float64 of a file.

    Raises:
        DataError: the file is missing or empty, a line has another number of columns than the first, or a cell is not a
            finite number; the message tells the line and the column.
    """
    lines = _lines(path)
    try:
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        values = None
    # Blank lines are skipped by the fast reader, and NaN and inf are numbers to it.
    if values is None or len(values) != len(lines) or not np.isfinite(values).all():
        raise _fault(path, lines)
    return values


def read_labels(path: Path, rows: int, data: Path) -> np.ndarray:
    """Return the labels [T] bool of a file with one 0 or 1 a line, as many as `data` has rows.

    Raises:
        DataError: as `read_plain`, or there is another number of labels, or another number than 0 or 1.
    """
    labels = read_plain(path)
    if labels.shape[1] != 1:
        raise DataError(f"{path}, line 1: expected one label, 0 or 1, found {labels.shape[1]} columns.")
    bad = np.flatnonzero(~np.isin(labels[:, 0], (0, 1)))
    if len(bad):
        raise DataError(f"{path}, line {bad[0] + 1}: expected a label 0 or 1, found {labels[bad[0], 0]:g}.")
    if len(labels) != rows:
        raise DataError(f"{path} has {len(labels)} labels, but {data} has {rows} rows: one label belongs to each row.")
    return labels[:, 0].astype(bool)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text of numbers, separated by commas ({error}).") from error
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if lines == [""]:
        raise DataError(f"{path} is empty: expected lines of numbers, separated by commas.")
    return lines


def _fault(path: Path, lines: Sequence[str]) -> DataError:
    """Return the error for the first line that the fast reader refuses."""
    wanted = lines[0].count(",") + 1
    for number, line in enumerate(lines, 1):
        if not line.strip():
            return DataError(f"{path}, line {number} is blank: expected {wanted} numbers, separated by commas.")
        cells = line.split(",")
        if len(cells) != wanted:
            return DataError(f"{path}, line {number} has {len(cells)} columns: expected {wanted}, as in line 1.")
        for column, cell in enumerate(cells, 1):
            if not _is_finite(cell):
                found = repr(cell.strip()[:40]) if cell.strip() else "nothing"
                return DataError(
                    f"{path}, line {number}, column {column}: expected a finite number with a point, found {found}."
                )
    return DataError(f"{path} cannot be read as lines of numbers, separated by commas.")


def _is_finite(cell: str) -> bool:
    try:
        # Python, unlike the fast reader, takes 1_000 for a number.
        return "_" not in cell and math.isfinite(float(cell))
    except ValueError:
        return False
