"""`ParquetTable`: a table in a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.data.memory import check_memory
from tsreward.data.parquet_pages import unpacked_at_once
from tsreward.data.table import Table
from tsreward.errors import DataError

if TYPE_CHECKING:
    import pyarrow

from tsreward.data.text_table import COLUMN_LIMIT

ROWS = 2**15
"""Rows of a Parquet file that are read at once."""
_BUFFER = 2**18
"""Bytes of a column that are read at once."""
_PICTURES = 16
"""Rows of pictures that are read at once."""


class ParquetTable(Table):
    """A Parquet file."""

    def _open(self) -> list[str]:
        import pyarrow
        from pyarrow import parquet

        try:
            # Open: a path could be taken for an address. Buffered: else columns of a group of rows are read at once.
            self._parquet = parquet.ParquetFile(self._file.raw, buffer_size=_BUFFER, pre_buffer=False)
        except (pyarrow.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        self.schema: pyarrow.Schema = self._parquet.schema_arrow
        self.metadata = self.schema.metadata
        kept = (self.schema.pandas_metadata or {}).get("index_columns", [])
        self.index = tuple(name.strip() for name in self.schema.names if name in kept)
        return [name.strip() for name in self.schema.names]

    def kind(self, name: str) -> str:
        own = self._places.get(name, (name, 0))[0]
        kind = self.schema.types[self.names.index(own)]
        return str(kind.value_type if name in self._places else kind)

    def _expanded(self) -> list[str]:
        self._places: dict[str, tuple[str, int]] = {}
        self._widths = self._list_widths()
        names: list[str] = []
        for name in self.names:
            places = {f"{name}[{place}]": (name, place) for place in range(self._widths.get(name, 0))}
            self._places |= places
            names += places or [name]
        return names

    def _list_widths(self) -> dict[str, int]:
        """Return the length of the lists of numbers in each column of these, as its first row has it."""
        import pyarrow

        is_kind = pyarrow.types
        lists = {}
        for name, field in zip(self.names, self.schema, strict=True):
            kind = field.type
            if not (is_kind.is_list(kind) or is_kind.is_large_list(kind) or is_kind.is_fixed_size_list(kind)):
                continue
            if is_kind.is_integer(kind.value_type) or is_kind.is_floating(kind.value_type):
                lists[name] = field.name
        if not lists or not self._parquet.metadata.num_rows:
            return {}
        try:
            first = next(self._parquet.iter_batches(1, columns=[*lists.values()]))
        except (pyarrow.ArrowException, OSError, StopIteration) as error:
            raise self._damaged(error) from error
        widths = {name: len(first.column(own)[0].as_py() or ()) for name, own in lists.items()}
        return {name: width for name, width in widths.items() if 0 < width <= COLUMN_LIMIT}

    def pictures(self, name: str) -> Iterator[tuple[bytes | None, str | None]]:
        """Yield the encoded picture, or the path of its file, in every row of a column of bytes and paths.

        Raises:
            DataError: the column is none of these, or the file is damaged.
        """
        import pyarrow

        self.require([name])
        own = self.schema.names[self.names.index(name)]
        kind, is_kind = self.schema.field(own).type, pyarrow.types
        fields = [field.name for field in kind] if is_kind.is_struct(kind) else []
        if not {"bytes", "path"} & set(fields) and not is_kind.is_binary(kind) and not is_kind.is_large_binary(kind):
            raise DataError(f"{self.path}: column '{name}' holds {kind}, and pictures are bytes or paths.")
        try:
            for batch in self._parquet.iter_batches(_PICTURES, columns=[own], use_threads=False):
                self._file.check()
                for cell in batch.column(0):
                    value = cell.as_py()
                    value = value if isinstance(value, dict) else {"bytes": value}
                    yield value.get("bytes"), value.get("path")
        except (pyarrow.ArrowException, OSError) as error:
            self._file.check()
            raise self._damaged(error) from error

    def _columns(self, names: list[str]) -> Iterator[dict[str, pyarrow.Array]]:
        import pyarrow

        if not self._parquet.metadata.num_rows:
            raise DataError(f"{self.path} has no row.")
        own = dict(zip(self.names, self.schema.names, strict=True))
        wanted = list(dict.fromkeys(self._places.get(name, (name, 0))[0] for name in names))
        first = 1
        try:
            with self.path.open("rb") as file:
                size = unpacked_at_once(file, self._parquet.metadata, [own[name] for name in wanted])
            check_memory(self.path, size, "one page of every column")
            for batch in self._parquet.iter_batches(ROWS, columns=[own[name] for name in wanted], use_threads=False):
                self._file.check()
                read = {name: batch.column(own[name]) for name in wanted}
                lists = {
                    name: self._matrix(read[name], name, first)
                    for name in {self._places[one][0] for one in names if one in self._places}
                }
                yield {
                    name: pyarrow.array(lists[self._places[name][0]][:, self._places[name][1]])
                    if name in self._places
                    else read[name]
                    for name in names
                }
                first += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            self._file.check()
            raise self._damaged(error) from error
        self._file.check()

    def _matrix(self, cells: pyarrow.Array, name: str, first: int) -> np.ndarray:
        """Return a column of lists as [T, D]."""
        import pyarrow.compute

        compute: Any = pyarrow.compute  # made at run time, so unknown to type checkers
        width = self._widths[name]
        lengths = compute.fill_null(compute.list_value_length(cells), -1).to_numpy(zero_copy_only=False)
        if (wrong := lengths != width).any():
            row = int(np.argmax(wrong))
            found = f"a list of {lengths[row]}" if lengths[row] >= 0 else ""
            raise self.fault(
                first + row, name, f"a list of {width} numbers, as in the first row", found, "ignore the column"
            )
        return compute.list_flatten(cells).to_numpy(zero_copy_only=False).reshape(-1, width)

    def _damaged(self, error: Exception) -> DataError:
        return DataError(f"{self.path} cannot be read as Parquet ({' '.join(str(error).split())[:200]}).")
