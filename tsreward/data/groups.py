"""One table of several assets, taken apart: a table of its own for each."""

from __future__ import annotations

import csv
import gzip
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tsreward.errors import DataError, missing_extra

MOST = 1000
"""Assets at most."""


def split_by(path: Path, column: str, folder: Path, skip_rows: int = 0) -> dict[str, Path]:
    """Write the rows of each value of a column to a table of its own, without that column: value -> its path.

    Rows stay in their order, and cells as they are written.

    Args:
        path: CSV (.csv, .csv.gz) or Parquet.
        column: its name.
        folder: where the tables are written.
        skip_rows: lines above the header that are passed over.

    Raises:
        DataError: the file cannot be read, has no such column, or more than 1,000 values in it.
        MissingExtraError: pyarrow is not installed, for Parquet.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _split_parquet(path, column, folder)
        return _split_text(path, column, folder, skip_rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error


def _split_text(path: Path, column: str, folder: Path, skip_rows: int) -> dict[str, Path]:
    opened: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with ExitStack() as stack, opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        for _ in range(skip_rows):
            next(file, None)
        rows = csv.reader(file)
        header = next(rows, [])
        place = _place(path, column, header)
        writers: dict[str, Any] = {}
        paths: dict[str, Path] = {}
        for number, row in enumerate(rows, 1):
            if len(row) != len(header):
                raise DataError(f"{path}: row {number} has {len(row)} cells, the header {len(header)}.")
            name = row[place]
            if name not in writers:
                paths[name] = _path(path, name, paths, folder, ".csv")
                kept = stack.enter_context(paths[name].open("w", encoding="utf-8", newline=""))
                writers[name] = csv.writer(kept, lineterminator="\n")
                writers[name].writerow(header[:place] + header[place + 1 :])
            writers[name].writerow(row[:place] + row[place + 1 :])
    return _some(path, paths)


def _split_parquet(path: Path, column: str, folder: Path) -> dict[str, Path]:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("pyarrow", "logs") from error
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise DataError(f"Cannot read {path}: {str(error).splitlines()[0]}.") from error
    place = _place(path, column, table.column_names)
    names = table.column(place).cast(pyarrow.string())
    paths: dict[str, Path] = {}
    for name in names.unique().to_pylist():
        text = "" if name is None else name
        paths[text] = _path(path, text, paths, folder, ".parquet")
        same = pyarrow.compute.is_null(names) if name is None else pyarrow.compute.equal(names, name)  # type: ignore[attr-defined]
        pyarrow.parquet.write_table(table.filter(same).remove_column(place), paths[text])
    return _some(path, paths)


def _place(path: Path, column: str, header: list[str]) -> int:
    if column not in header:
        raise DataError(f"{path} has no column '{column}' to group by; it has: {', '.join(header) or 'nothing'}.")
    return header.index(column)


def _path(path: Path, name: str, known: dict[str, Path], folder: Path, ending: str) -> Path:
    if not name.strip():
        raise DataError(f"{path}: a row names no group: fill the cell, or leave the row out.")
    if len(known) >= MOST:
        raise DataError(f"{path} has more than {MOST} groups: is this the column that names the assets?")
    return folder / f"{len(known)}{ending}"


def _some(path: Path, paths: dict[str, Path]) -> dict[str, Path]:
    if not paths:
        raise DataError(f"{path} has no rows.")
    return paths
