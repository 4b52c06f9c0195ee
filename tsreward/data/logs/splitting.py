"""Sets without a part to learn from: their first rows become it."""

from __future__ import annotations

from tsreward.errors import DataError, OptionError
from tsreward.series import DetectionTask, Series


def split(series: Series, train_fraction: float) -> DetectionTask:
    """Return the task to learn from the first share of the rows (rounded down) and to judge the rest.

    Raises:
        OptionError: the share is not between 0 and 1.
        DataError: no row is left on one side.

    >>> import numpy as np
    >>> task = split(Series(np.arange(10.0)[:, None], labels=np.zeros(10)), train_fraction=0.3)
    >>> len(task.train), len(task.test)
    (3, 7)
    """
    check_fraction(train_fraction)
    rows = int(train_fraction * len(series))
    if not 0 < rows < len(series):
        raise DataError(
            f"'{series.name}' has {len(series)} rows: a train_fraction of {train_fraction:g} leaves no row to "
            f"{'judge' if rows else 'learn from'}."
        )
    return DetectionTask(series.name, series.rows(0, rows), series.rows(rows, len(series)))


def check_fraction(train_fraction: float) -> None:
    """Refuse a share of rows that is not between 0 and 1."""
    if not 0 < train_fraction < 1:
        raise OptionError(f"train_fraction must be between 0 and 1, both excluded, got {train_fraction}.")
