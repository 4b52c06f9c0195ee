"""Text of cells between commas, in blocks of whole records: what a file must be before its cells are looked at."""

from __future__ import annotations

import codecs
import csv
import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tsreward.errors import DataError

BLOCK = 2**22
"""Bytes that are read at once: 4 MiB."""
RECORD_LIMIT = 2**24
"""Bytes that one record may have: 16 MiB."""

_MAGIC = {
    b"\x1f\x8b": "compressed with gzip: unpack it, or name it .csv.gz",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or export it as CSV",
    b"BZh": "compressed with bzip2: unpack it",
    b"\xfd7zXZ": "compressed with xz: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it",
    b"PAR1": "a Parquet file: name it .parquet",
    b"ARROW1": "a Feather file: write it as Parquet or CSV",
    b"\x80\x04": "a pickle, which could run any code: write it as Parquet or CSV",
    b"\x80\x05": "a pickle, which could run any code: write it as Parquet or CSV",
    b"SQLite format 3": "a database: export the table as CSV",
    b"MATLAB 5.0": "a MATLAB file: write it as NPZ or CSV",
    b'{"': "in JSON: write it as CSV or Parquet",
    b'[{"': "in JSON: write it as CSV or Parquet",
    b"\xff\xfe": "in UTF-16: save it as UTF-8",
    b"\xfe\xff": "in UTF-16: save it as UTF-8",
}
_FIRST = 2**16
"""Bytes of a record among the first ones that are looked at."""
_LF, _CR, _QUOTE, _COMMA = b'\n\r",'


class StableFile:
    """An open file that must stay as it is: one that changes meanwhile is refused, one that is deleted is read on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise DataError(f"{path} cannot be read as a table: it is a folder, a pipe or a device; name a file.")
            self.raw = path.open("rb")
        except FileNotFoundError as error:
            raise DataError(f"There is no file {path}.") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{path} cannot be read as a table: {reason}.") from error
        self.size, self._written = self._state()

    def check(self) -> None:
        """Refuse a file that has another size or time than when it was opened."""
        size, written = self._state()
        if size != self.size:
            how = "grew" if size > self.size else "shrank"
            raise DataError(f"{self.path} {how} while it was read ({self.size} to {size} bytes): read a finished copy.")
        if written != self._written:
            raise DataError(f"{self.path} was written to while it was read: read a finished copy.")

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self.raw.fileno())
        return found.st_size, found.st_mtime_ns


class DelimitedText:
    """The records of a file in UTF-8; one that is named .gz is unpacked while it is read.

    A record ends with LF, CR LF or CR. A quote may stand only at the two ends of a cell, or doubled inside a cell in
    quotes (RFC 4180). The text begins below `above` lines and, where it has a `header`, below blank lines. Memory is
    bounded by `BLOCK` and `RECORD_LIMIT`, whatever the file is.
    """

    def __init__(self, file: StableFile, header: bool = True, above: int = 0) -> None:
        self.path, self._header, self._above = file.path, header, above
        self._source = file
        self._file = gzip.GzipFile(fileobj=file.raw) if file.path.suffix.lower() == ".gz" else file.raw

    def first_record(self) -> list[str]:
        """Return the cells of the first record.

        Raises:
            DataError: as `blocks`, or a cell has more than 128 KiB.
        """
        block, _ = next(self.blocks())
        try:
            return next(csv.reader([block[: record_end(block)].decode().strip("\r\n")], strict=True), [])
        except csv.Error as error:
            raise DataError(f"{self.path}: its first line is no header ({error}): name the columns there.") from None

    def first_records(self, count: int) -> list[list[str]]:
        """Return the cells of the first records, blank lines passed over; fewer where the text is short."""
        block, _ = next(self.blocks())
        self._starts, records, place = [], [], 0
        while place < len(block) and len(records) < count:
            end = place + record_end(block[place : place + _FIRST])
            if end - place >= _FIRST:
                break
            text = block[place:end].decode(errors="replace").strip("\r\n")
            if text.strip():
                try:
                    records.append(next(csv.reader([text], strict=True), []))
                except csv.Error:
                    break
                self._starts.append(count_lines(block[:place]))
            place = end
        return records

    def lines_before(self, record: int) -> int:
        """Return how many lines stand before one of the `first_records`."""
        return self._starts[record]

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Yield the text in blocks of whole records, and the number of the first line of each, from 1.

        Raises:
            DataError: what is no text in UTF-8, holds NUL bytes, a quote that is misplaced or never closed, or a record
                beyond the limit; a file that is empty, cut (.gz), or changes while it is read.
        """
        self._file.seek(0)
        rest, line = self._beginning()
        while True:
            fresh = self._read(BLOCK)
            data = rest + fresh
            cut = last_border(data) if fresh else len(data)
            block, rest = data[:cut], data[cut:]
            self._check(block, line)
            if block:
                yield block, line
            line += count_lines(block)
            if not fresh:
                return
            if len(rest) > RECORD_LIMIT:
                self._check(rest, line)  # tells of a quote that is never closed
                raise DataError(
                    f"{self.path}: the record that begins in line {line} is longer than {RECORD_LIMIT >> 20} MiB: is "
                    f"this a CSV file, with a line end after every row?"
                )

    def _beginning(self) -> tuple[bytes, int]:
        """Return the first bytes of the text, and the number of their line."""
        start = self._read(16)
        for magic, kind in _MAGIC.items():
            if start.startswith(magic):
                raise DataError(f"{self.path} is {kind}.")
        start = start.removeprefix(codecs.BOM_UTF8)
        for _ in range(self._above):
            while b"\n" not in start and (fresh := self._read(BLOCK)):
                start += fresh
            start = start.partition(b"\n")[2]
        while not start.strip():
            fresh = self._read(BLOCK)
            start += fresh
            if not fresh or len(start) > RECORD_LIMIT:
                place = f"below line {self._above}" if self._above else "in its first line"
                needs = f"a header {place} and rows below it" if self._header else "rows of numbers"
                raise DataError(f"{self.path} is empty: it needs {needs}.")
        blank = len(start) - len(start.lstrip(b"\r\n")) if self._header else 0
        return start[blank:], 1 + self._above + count_lines(start[:blank])

    def _read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{self.path} is no whole gzip file ({error}): copy it again.") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        self._source.check()
        return data

    def _check(self, block: bytes, line: int) -> None:
        if (place := block.find(b"\0")) >= 0:
            raise DataError(
                f"{self.path}: line {line + count_lines(block[:place])} holds a NUL byte: it is no text, or in UTF-16; "
                f"save it as UTF-8."
            )
        if (place := misplaced_quote(block)) is not None:
            raise DataError(
                f"{self.path}: line {line + count_lines(block[:place])} has a quote in the middle of a cell, or one "
                f"that is never closed: put a cell that holds quotes, commas or line ends in quotes, and double the "
                f'quotes in it ("").'
            )
        try:
            if not block.isascii():
                block.decode()
        except UnicodeDecodeError as error:
            place = line + count_lines(block[: error.start])
            raise DataError(f"{self.path}: line {place} is not UTF-8: save the file as UTF-8.") from None


def misplaced_quote(data: bytes) -> int | None:
    """Return the place of the first quote in whole records that opens no cell or is not closed at the end of one.

    >>> misplaced_quote(b'a,"b ""c"" d"\\n'), misplaced_quote(b'a,b"c\\n'), misplaced_quote(b'a,"b"c\\n')
    (None, 3, 2)
    """
    if b'"' not in data:
        return None
    framed = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    quotes = np.flatnonzero(framed == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]  # a doubled quote closes and opens
    beside = np.isin(np.arange(256), [_LF, _CR, _QUOTE, _COMMA])
    wrong = ~beside[framed[opening - 1]]
    wrong[: len(closing)] |= ~beside[framed[closing + 1]]
    wrong[len(closing) :] = True
    return int(opening[np.argmax(wrong)]) - 1 if wrong.any() else None


def last_border(data: bytes) -> int:
    """Return the length of the whole records at the beginning of text that goes on.

    >>> last_border(b'a,b\\n1,"2\\n')
    4
    """
    text = _outside(data)
    # A CR that is the last byte may be half of a CR LF.
    return (text.rfind(b"\n") + 1) or (text.rfind(b"\r", 0, -1) + 1)


def record_end(data: bytes) -> int:
    """Return the length of the first record.

    >>> record_end(b'a,"b\\n"\\r\\n1,2\\n')
    8
    """
    found = re.search(rb"\r\n|\r|\n", _outside(data))
    return found.end() if found else len(data)


def count_lines(data: bytes) -> int:
    """Return the number of line ends, inside of quotes too.

    >>> count_lines(b"a\\r\\nb\\rc\\n")
    3
    """
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _outside(data: bytes) -> bytes:
    """Return the text with blanks in place of what is in quotes."""
    if b'"' not in data:
        return data
    array = np.frombuffer(data, np.uint8)
    return np.where(np.logical_xor.accumulate(array == _QUOTE), np.uint8(32), array).tobytes()
