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

import numpy as np

from tsreward.errors import DataError

_LF, _CR, _QUOTE, _COMMA = b"\n"[0], b"\r"[0], b'"'[0], b","[0]
_BESIDE = np.zeros(256, dtype=bool)
_BESIDE[[_LF, _CR, _QUOTE, _COMMA]] = True


class QuoteError(ValueError):
    """A quote is where none may be; `position` is the byte."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position


def count_lines(data: bytes) -> int:
    """Return the number of line ends, inside of quotes too.

    >>> count_lines(b"a\\r\\nb\\rc\\n")
    3
    """
    extra = data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0
    return data.count(b"\n") + extra


def last_border(data: bytes, ended: bool) -> int:
    """Return how many bytes of text that begins with a record are whole records; all of them where the file `ended`.

    Raises:
        QuoteError: a quote in these records is misplaced, or the text ended inside of quotes.

    >>> last_border(b'a,b\\n1,"2\\n', ended=False)
    4
    """
    quoted = b'"' in data
    if ended:
        cut = len(data)
    elif not quoted:
        # A CR that is the last byte may be half of a CR LF.
        cut = (data.rfind(b"\n") + 1) or (data.rfind(b"\r", 0, -1) + 1)
    else:
        ends = record_ends(data[:-1] if data.endswith(b"\r") else data)
        cut = int(ends[-1]) if len(ends) else 0
    if quoted:
        _check_quotes(data[:cut])
    return cut


def record_ends(data: bytes) -> np.ndarray:
    """Return the positions [N] behind the line ends outside of quotes.

    >>> record_ends(b'a\\r\\n"1\\n2"\\rb').tolist()
    [3, 9]
    """
    array = np.frombuffer(data, np.uint8)
    ends = array == _LF
    if b"\r" in data:
        ends |= _lone_returns(array)
    return np.flatnonzero(ends & _outside(data, array)) + 1


def with_line_feeds(data: bytes) -> bytes:
    """Return the text with an LF for every CR that ends a record by itself, which pandas does not read in every place.

    >>> with_line_feeds(b'a,b\\r"1\\r2",3\\r\\n')
    b'a,b\\n"1\\r2",3\\r\\n'
    """
    if b"\r" not in data:
        return data
    array = np.frombuffer(data, np.uint8)
    return np.where(_lone_returns(array) & _outside(data, array), np.uint8(_LF), array).tobytes()


def count_cells(data: bytes, ends: np.ndarray) -> np.ndarray:
    """Return the number of cells [N] in each of the records that end at `ends` [N].

    >>> count_cells(b'a,b\\n"1,2"\\n', np.array([4, 10])).tolist()
    [2, 1]
    """
    array = np.frombuffer(data, np.uint8)
    commas = np.flatnonzero((array == _COMMA) & _outside(data, array))
    return np.diff(np.searchsorted(commas, ends), prepend=0) + 1


def _lone_returns(array: np.ndarray) -> np.ndarray:
    return (array == _CR) & (np.append(array[1:], 0) != _LF)


def _outside(data: bytes, array: np.ndarray) -> np.ndarray | bool:
    return ~np.logical_xor.accumulate(array == _QUOTE) if b'"' in data else True


def _check_quotes(data: bytes) -> None:
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == _QUOTE)
    framed = np.concatenate([[_LF], array, [_LF]])
    opening, closing = quotes[0::2], quotes[1::2]
    misplaced = np.append(opening[~_BESIDE[framed[opening]]], len(data))[0]
    overrun = np.append(closing[~_BESIDE[framed[closing + 2]]], len(data))[0]
    # A quote that follows on another one is the second of a doubled one, and begins no cell.
    cells = opening[framed[opening] != _QUOTE]
    if misplaced < overrun:
        raise QuoteError(int(misplaced), "a quote in the middle of a cell")
    if overrun < len(data):
        begin = cells[cells < overrun][-1]
        raise QuoteError(int(begin), "a quoted cell that goes on behind its closing quote, or is not closed")
    if len(quotes) % 2:
        raise QuoteError(int(cells[-1]), "a quote that is never closed")


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
