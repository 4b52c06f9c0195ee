"""Where the records of CSV text begin and end (RFC 4180): arithmetic on bytes.

A record ends with LF, CR LF or CR outside of quotes. A quote may stand only at the two ends of a cell, or doubled
inside a cell in quotes; so, an even number of quotes before a byte means that it is outside.
"""

from __future__ import annotations

import numpy as np

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
