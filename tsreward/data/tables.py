"""Tables in files, whatever kind of file it is, and CSV that is written row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tsreward.data.parquet_table import ParquetTable
from tsreward.data.table import Rows, Table
from tsreward.data.text_table import TextTable
from tsreward.errors import DataError

__all__ = ["Columns", "ParquetTable", "Rows", "Table", "TextTable", "csv_writer", "open_table"]


def open_table(path: Path, skip_rows: int = 0) -> Table:
    """Return the Parquet file that is named .parquet, else the file of text below `skip_rows` lines, open.

    Raises:
        DataError: it cannot be read, or lines are to be passed over in a Parquet file.
    """
    if path.suffix.lower() != ".parquet":
        return TextTable(path, above=skip_rows)
    if skip_rows:
        raise DataError(f"{path} is a Parquet file, which has no lines to pass over: leave --skip-rows out.")
    return ParquetTable(path)


Columns = dict[str, "np.ndarray | list[str]"]
"""Columns [N] by name."""
_TO_QUOTE = re.compile('[,"\r\n]')


def csv_writer(write: Callable[[str], object]) -> Callable[[Columns], None]:
    """Return a function that writes the next rows of a CSV file, given as columns; the first call writes the header."""
    begun = False

    def write_columns(columns: Columns) -> None:
        nonlocal begun
        header = [] if begun else [",".join(_cells([*columns]))]
        begun = True
        rows = zip(*map(_cells, columns.values()), strict=True)
        write("\n".join([*header, *map(",".join, rows)]) + "\n")

    return write_columns


def _cells(values: np.ndarray | list[str]) -> Iterable[str]:
    if isinstance(values, np.ndarray):
        return map(str, values)  # of a float32, this is the shortest text that reads back as the same number
    return ('"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text for text in values)
