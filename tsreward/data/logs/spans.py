"""Labels from spans of rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tsreward.errors import DataError


def mark(spans: Iterable[tuple[int, int]], rows: int, where: str) -> np.ndarray:
    """Return labels [rows] bool that are true from the start to the end of every span, the end included.

    Raises:
        DataError: a span that ends before it starts, or leaves the rows; `where` says what it belongs to.

    >>> mark([(1, 2)], rows=4, where="machine 7")
    array([False,  True,  True, False])
    """
    labels = np.zeros(rows, dtype=bool)
    for start, end in spans:
        if end < start:
            raise DataError(f"{where}: the span [{start}, {end}] ends before it starts.")
        if start < 0 or end >= rows:
            raise DataError(f"{where}: the span [{start}, {end}] leaves the rows 0 to {rows - 1} of the data.")
        labels[start : end + 1] = True
    return labels
