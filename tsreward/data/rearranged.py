"""Tables whose rows are no series yet: taken apart by asset, or put in the order of their times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsreward.data.table import Rows
from tsreward.data.tables import open_table
from tsreward.errors import DataError
from tsreward.sequences.stamp_reader import StampReader
from tsreward.sequences.time import Stamps
from tsreward.sequences.time_order import TimeOrder

if TYPE_CHECKING:
    import pyarrow

MOST = 1000
"""Assets at most."""


def split_by(path: Path, column: str, folder: Path, skip_rows: int = 0) -> dict[str, Path]:
    """Write the rows of each value of a column to a table of its own, without that column: value -> its path.

    Rows stay in their order, and cells as they are written.

    Args:
        path: a table of text or Parquet.
        column: its name.
        folder: where the tables are written, as Parquet.
        skip_rows: lines above the header that are passed over.

    Raises:
        DataError: the file cannot be read, has no such column, or a row names no group, or more than 1,000 of them.
        MissingExtraError: pyarrow is not installed.
    """
    table = _cells(path, skip_rows)
    if column not in table.column_names:
        raise DataError(f"{path} has no column '{column}' to group by; it has: {', '.join(table.column_names)}.")
    place = table.column_names.index(column)
    names, first, which = np.unique(_texts(table, column), return_index=True, return_inverse=True)
    if not all(name.strip() for name in names):
        raise DataError(f"{path}: a row names no group: fill the cell, or leave the row out.")
    if len(names) > MOST:
        raise DataError(f"{path} has more than {MOST} groups: is this the column that names the assets?")
    paths: dict[str, Path] = {}
    for group in np.argsort(first):
        paths[str(names[group])] = _written(
            table.remove_column(place).take(np.flatnonzero(which == group)), folder / f"{len(paths)}.parquet"
        )
    return paths


class InOrder(NamedTuple):
    """Tables of one log, put together."""

    path: Path | None
    """The table; None where all rows wait."""
    too_late: int
    """Rows that are left out, for they came too late."""


def in_time_order(
    paths: Sequence[Path],
    column: str,
    late: float,
    path: Path,
    reader: StampReader | None = None,
    skip_rows: int = 0,
    wait: bool = False,
) -> InOrder:
    """Write the rows of tables into one, in the order of their times; rows of one time stay in their order.

    A row may come up to `late` behind rows of later times, in its table or in those before. With `wait`, the newest
    rows are left out, which others may still come before; so what was written never changes when rows are added.

    Args:
        paths: tables of text or Parquet, with the same columns, in the order in which they were written.
        column: of time stamps.
        late: seconds, or the unit of stamps that are numbers.
        path: the table that is written, as Parquet.
        reader: of time stamps.
        skip_rows: lines above the header that are passed over.
        wait: leave out rows that are not older than the newest by more than `late`.

    Raises:
        DataError: a file cannot be read, has other columns than the first, or a cell is no time.
        MissingExtraError: pyarrow is not installed.
    """
    import pyarrow

    tables = [_cells(one, skip_rows) for one in paths]
    reader = reader or StampReader()
    read: list[Stamps] = []
    for one, table in zip(paths, tables, strict=True):
        if column not in table.column_names:
            raise DataError(f"{one} has no column '{column}'; it has: {', '.join(table.column_names)}.")
        if table.schema != tables[0].schema:
            raise DataError(f"{one} has other columns than {paths[0]}: give files of one kind.")
        read.append(TimeOrder(one, column, reader=reader).read(_texts(table, column), 1))
    stamps = reduce(Stamps.join, read)
    times = stamps.since(stamps)
    newest = np.maximum.accumulate(times)
    kept = times >= newest - late
    too_late = int((~kept).sum())
    if wait:
        kept &= times < newest[-1] - late
    rows = np.flatnonzero(kept)
    if not len(rows):
        return InOrder(None, too_late)
    order = np.lexsort((stamps.part[rows], stamps.whole[rows]))
    return InOrder(_written(pyarrow.concat_tables(tables).take(rows[order]), path), too_late)


def _cells(path: Path, skip_rows: int) -> pyarrow.Table:
    """Return all cells of a table, text as it stands there."""
    import pyarrow

    with open_table(path, skip_rows) as table:
        read = table.read(texts=table.names).cells
        names = ["" if name in table.unnamed else name for name in read]  # they are refused, or left out, as before
        return pyarrow.Table.from_arrays(list(read.values()), names=names).replace_schema_metadata(table.metadata)


def _texts(table: pyarrow.Table, column: str) -> list[str]:
    return Rows(1, np.zeros((len(table), 0)), {column: table.column(column)}).texts(column)


def _written(table: pyarrow.Table, path: Path) -> Path:
    from pyarrow import parquet

    parquet.write_table(table, path)
    return path
