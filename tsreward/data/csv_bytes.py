"""The bytes of a CSV file in blocks of whole records: what a file must be before its cells are looked at."""

from __future__ import annotations

import codecs
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tsreward.data.csv_records import QuoteError, count_lines, last_border
from tsreward.errors import DataError

BLOCK = 2**22
"""Bytes that are read at once."""
RECORD_LIMIT = 2**24
"""Bytes that one record may have: 16 MiB."""

_MAGIC = {
    b"\x1f\x8b": "compressed with gzip: unpack it, or name it .csv.gz",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or export it as CSV",
    b"BZh": "compressed with bzip2: unpack it",
    b"\xfd7zXZ": "compressed with xz: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it",
    b"PAR1": "a Parquet file: write it as CSV",
    b"\xff\xfe": "in UTF-16: save it as UTF-8",
    b"\xfe\xff": "in UTF-16: save it as UTF-8",
}


@dataclass(frozen=True)
class Block:
    """Some records, whole ones."""

    data: bytes
    line: int
    """Number of its first line in the file, from 1."""


class CsvBytes:
    """An open CSV file; a file that is named .gz is unpacked while it is read.

    Memory is bounded by `BLOCK` and `RECORD_LIMIT`, whatever the file is. What is read is what the file held when it
    was opened: one that changes meanwhile is refused, one that is only renamed or deleted is read to its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise DataError(f"{path} cannot be read as CSV: it is a folder, a pipe or a device; name a file.")
            self._raw = path.open("rb")
        except FileNotFoundError as error:
            raise DataError(f"There is no file {path}.") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise DataError(f"{path} cannot be read as CSV: {getattr(error, 'strerror', None) or error}.") from error
        self._packed = path.suffix.lower() == ".gz"
        self._file = gzip.GzipFile(fileobj=self._raw) if self._packed else self._raw
        self._state = self._now()

    def __enter__(self) -> CsvBytes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    @property
    def size(self) -> int:
        """Bytes of the file on disk."""
        return self._state[0]

    @property
    def done(self) -> int:
        """Bytes of them that have been read."""
        return min(self._raw.tell(), self.size)

    def blocks(self) -> Iterator[Block]:
        """Yield the file from its beginning to its end; a byte-order mark is left out.

        Raises:
            DataError: what is no text in UTF-8, holds NUL bytes, a quote that is misplaced or never closed, or a record
                beyond the limit; a file that is empty, cut (.gz), or changes while it is read.
        """
        rest, line, wanted = self._beginning(), 1, BLOCK
        decoder = codecs.getincrementaldecoder("utf-8")()
        self._check_text(rest, decoder, line)
        while True:
            fresh = self._read(wanted)
            self._check_text(fresh, decoder, line, rest)
            data = rest + fresh
            cut = self._border(data, line, ended=not fresh)
            if cut:
                yield Block(data[:cut], line)
                lines = count_lines(data[:cut])
                # Many columns cost pandas much per block, so long rows come more at a time.
                wanted = max(BLOCK, min(32 * (cut // (lines + 1)), 2 * RECORD_LIMIT))
                line += lines
            if not fresh:
                break
            rest = data[cut:]
        self._check_unchanged()

    def _border(self, data: bytes, line: int, ended: bool) -> int:
        """Return how many bytes of `data`, which begins in `line`, are whole records."""
        try:
            cut = last_border(data, ended)
            if len(data) - cut > RECORD_LIMIT:
                line, data = line + count_lines(data[:cut]), data[cut:]
                last_border(data, ended=True)  # tells of a quote that is never closed
                raise DataError(
                    f"{self.path}: the record that begins in line {line} is longer than {RECORD_LIMIT >> 20} MiB: is "
                    f"this a CSV file, with a line end after every row?"
                )
        except QuoteError as error:
            raise DataError(
                f"{self.path}: line {line + count_lines(data[: error.position])} has {error}: put a cell that holds "
                f'quotes, commas or line ends in quotes, and double the quotes in it ("").'
            ) from None
        return cut

    def _beginning(self) -> bytes:
        self._file.seek(0)
        start = self._read(16)
        for magic, kind in _MAGIC.items():
            if start.startswith(magic):
                raise DataError(f"{self.path} is {kind}.")
        start = start.removeprefix(codecs.BOM_UTF8)
        if not start.strip():
            start += self._read(BLOCK)
        if not start.strip():
            raise DataError(f"{self.path} is empty: it needs a header in its first line and rows below it.")
        return start

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size if self._packed else min(size, max(0, self.size - self._raw.tell())))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{self.path} is no whole gzip file ({error}): copy it again.") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        self._check_unchanged()
        return data

    def _check_unchanged(self) -> None:
        """Refuse a file that has another size or time than when it was opened."""
        size, changed = self._now()
        if size != self.size:
            how = "grew" if size > self.size else "shrank"
            raise DataError(f"{self.path} {how} while it was read ({self.size} to {size} bytes): read a finished copy.")
        if changed != self._state[1]:
            raise DataError(f"{self.path} was written to while it was read: read a finished copy.")

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self._raw.fileno())
        return found.st_size, found.st_mtime_ns

    def _check_text(self, data: bytes, decoder: codecs.IncrementalDecoder, line: int, before: bytes = b"") -> None:
        problem = data.find(b"\0")
        if problem >= 0:
            raise DataError(
                f"{self.path}: line {line + count_lines(before + data[:problem])} holds a NUL byte: it is no text, or "
                f"in UTF-16; save it as UTF-8."
            )
        if data.isascii() and not decoder.getstate()[0]:
            return
        try:
            decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            place = line + count_lines(before + data[: max(0, error.start)])
            raise DataError(f"{self.path}: line {place} is not UTF-8: save the file as UTF-8.") from None
