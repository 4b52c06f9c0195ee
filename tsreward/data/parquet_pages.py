"""Sizes of the pages of a Parquet file, from their own headers: what is unpacked at once, whatever the footer says."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pyarrow.parquet

_HEADER, _LONGEST = 2**10, 2**24
"""Bytes in which a header is looked for first, and at most: it may hold the smallest and the largest value."""
_DEEPEST = 16
_UNPACKED, _PACKED = 2, 3
"""Fields of a header: bytes of the page when it is unpacked, and as it stands in the file."""


def unpacked_at_once(file: BinaryIO, metadata: pyarrow.parquet.FileMetaData, columns: Collection[str]) -> int:
    """Return the bytes of the largest page of every column together: so much is unpacked at a time.

    What is no page any more is passed over: who reads it will say so.
    """
    largest: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            path = chunk.path_in_schema
            if not any(path == name or path.startswith(f"{name}.") for name in columns):
                continue
            start = min(place for place in (chunk.data_page_offset, chunk.dictionary_page_offset) if place)
            for size in _pages(file, start, start + chunk.total_compressed_size):
                largest[path] = max(largest.get(path, 0), size)
    return sum(largest.values())


def _pages(file: BinaryIO, start: int, stop: int) -> Iterator[int]:
    """Yield the unpacked size of every page between two places of a file."""
    while start < stop:
        found = _read_header(file, start)
        if found is None:
            return
        unpacked, packed, length = found
        yield unpacked
        start += length + packed


def _read_header(file: BinaryIO, start: int) -> tuple[int, int, int] | None:
    """Return the unpacked and the packed size of the page at a place, and the length of its header; None for none."""
    size = _HEADER
    while size <= _LONGEST:
        file.seek(start)
        header = _Compact(file.read(size))
        try:
            fields = header.struct()
        except (IndexError, RecursionError):  # it is longer, or no header
            size *= 128
            continue
        unpacked, packed = fields.get(_UNPACKED), fields.get(_PACKED)
        return (
            None if unpacked is None or packed is None or min(unpacked, packed) < 0 else (unpacked, packed, header.at)
        )
    return None


class _Compact:
    """Values in the compact protocol of Thrift, of which only integers are kept."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """Return the integers of a struct by the number of their field.

        Raises:
            IndexError: the bytes end before it does.
            RecursionError: it is nested deeper than any header.
        """
        if depth > _DEEPEST:
            raise RecursionError
        fields, number = {}, 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            value = self._value(head & 15, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, depth: int) -> int | None:
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 3:
            self._skip(1)
        elif kind == 7:
            self._skip(8)
        elif kind == 8:
            self._skip(self._varint())
        elif kind in (9, 10):
            head = self._byte()
            size = self._varint() if head >> 4 == 15 else head >> 4
            for _ in range(size):
                self._skip(1) if head & 15 in (1, 2) else self._value(head & 15, depth)
        elif kind == 12:
            self.struct(depth + 1)
        elif kind not in (1, 2):
            raise IndexError  # a map, or nothing that there is
        return None

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
