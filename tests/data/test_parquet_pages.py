"""The pages of a Parquet file are measured by their own headers, before any is unpacked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tsreward.data.memory import max_memory
from tsreward.data.parquet_pages import unpacked_at_once
from tsreward.data.tables import open_table
from tsreward.errors import DataError

ROWS = 200_000


def written(path: Path, rows: int, **columns: object) -> Path:
    """Write columns with so many rows in a page."""
    options = {"compression": "zstd", "use_dictionary": False, "data_page_size": 2**30, "max_rows_per_page": rows}
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def measured(path: Path, *columns: str) -> int:
    with path.open("rb") as file:
        return unpacked_at_once(file, parquet.ParquetFile(path).metadata, columns)


def test_the_largest_page_of_every_column_counts(tmp_path: Path) -> None:
    values = np.zeros(ROWS)
    one = measured(written(tmp_path / "one.parquet", ROWS, a=values, b=values), "a")
    assert 8 * ROWS <= one < 8 * ROWS + 1000
    assert measured(tmp_path / "one.parquet", "a", "b") == 2 * one
    many = written(tmp_path / "many.parquet", ROWS // 100, a=values, b=values)
    assert measured(many, "a", "b") < one / 40


def test_every_kind_of_column_is_walked_through(tmp_path: Path) -> None:
    rows = [[1.0, 2.0]] * 1000
    table = pyarrow.table(
        {"x.y": pyarrow.array(rows), "text": ["long " * 400] * 1000, "flag": [True, None] * 500, "z": range(1000)}
    )
    for version in ("1.0", "2.0"):
        parquet.write_table(table, tmp_path / "a.parquet", data_page_version=version, row_group_size=300)
        for name in table.column_names:
            assert measured(tmp_path / "a.parquet", name) > 30, name
        assert measured(tmp_path / "a.parquet", "x") == measured(tmp_path / "a.parquet", "x.y")
        assert measured(tmp_path / "a.parquet", "none") == 0


def test_a_page_bomb_is_refused_whatever_the_footer_says(tmp_path: Path) -> None:
    path = written(tmp_path / "bomb.parquet", ROWS, a=np.zeros(ROWS))
    assert path.stat().st_size < 20_000
    with max_memory("1M"), open_table(path) as table, pytest.raises(DataError, match="one page of every column would"):
        list(table.chunks(["a"]))
    with max_memory("4M"), open_table(path) as table:
        assert sum(len(rows.numbers) for rows in table.chunks(["a"])) == ROWS
