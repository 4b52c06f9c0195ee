"""Which rows of a series a detector learns from, and which it is judged on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask

_CLEAR = 100
"""Rows that the leaderboard leaves between what is learned from and the first anomaly."""


def split(task: DetectionTask) -> DetectionTask:
    """Return the task as its data set publishes it: learn from one part, be judged on the other."""
    return task


def tsb_ad(task: DetectionTask) -> DetectionTask:
    """Return the task under the protocol of the TSB-AD leaderboard (Liu & Paparrizos, NeurIPS 2024).

    The whole part to judge, T rows, is scored and judged; a detector learns from its first min(T // 4, first anomalous
    row − 100) rows and from nothing else. This is the number after `tr_` in the names of the leaderboard's files. Where
    the rows to learn from are the first rows to judge already, the task is returned as it is.

    Raises:
        DataError: the first anomaly comes so early that no row is left to learn from.

    >>> from tsreward.sequences.series import Series
    >>> test = Series(np.zeros((1000, 1)), labels=np.arange(1000) >= 300)
    >>> len(tsb_ad(DetectionTask("a", train=test.rows(0, 5), test=Series(test.values + 1, test.labels))).train)
    200
    """
    if _is_prefix(task):
        return task
    labels = task.test.labels
    assert labels is not None  # a DetectionTask has them
    first = int(labels.argmax()) if labels.any() else len(labels) + _CLEAR
    rows = min(len(labels) // 4, first - _CLEAR)
    if rows < 1:
        raise DataError(
            f"{task.name}: {len(labels)} rows to judge, anomalous from row {first} on, leave none to learn from under "
            f"the tsb-ad protocol, which takes at most a quarter and keeps {_CLEAR} rows clear: use the protocol split."
        )
    return DetectionTask(task.name, task.test.rows(0, rows), task.test)


def _is_prefix(task: DetectionTask) -> bool:
    rows = len(task.train)
    return rows <= len(task.test) and np.array_equal(task.train.values, task.test.values[:rows])


PROTOCOLS: dict[str, Callable[[DetectionTask], DetectionTask]] = {"split": split, "tsb-ad": tsb_ad}
