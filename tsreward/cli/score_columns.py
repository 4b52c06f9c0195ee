"""Scores as the columns of a file, written chunk by chunk."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.errors import DataError
from tsreward.evaluation.scores import Scores
from tsreward.files import open_atomic

Columns = dict[str, "np.ndarray | list[str]"]
"""Columns [N] by name."""
_TO_QUOTE = re.compile('[,"\r\n]')


class Summary:
    """Counts of all that was written."""

    def __init__(self) -> None:
        self._episodes = self._steps = self._flagged = 0
        self._sum, self._max = 0.0, -np.inf

    def add(self, columns: Columns) -> None:
        """Count the next rows."""
        score = np.asarray(columns["score"])
        self._episodes = int(columns["episode"][-1]) + 1
        self._steps += len(score)
        self._flagged += int(np.sum(columns["flag"]))
        self._sum += float(score.sum(dtype=np.float64))
        self._max = max(self._max, float(score.max()))

    def as_json(self) -> dict[str, Any]:
        """Return the counts, and the mean and the highest score."""
        return {
            "episodes": self._episodes,
            "steps": self._steps,
            "flagged": self._flagged,
            "mean_score": self._sum / self._steps,
            "max_score": self._max,
        }


def columns_of(
    scores: Scores, labels: np.ndarray | None = None, time: str | None = None, stamps: list[str] | None = None
) -> Columns:
    """Return the columns of a file of scores; those of a log with the labels and the stamps that are in it.

    Raises:
        DataError: the time column has the name of one of the others.
    """
    columns: Columns = {}
    for name in ("episode", "step", "score", "tail", "flag", "label"):
        if (values := getattr(scores, name)) is not None:
            columns[name] = values
    if labels is not None:
        columns["label"] = labels.astype(np.int8)
    if time is None or stamps is None:
        return columns
    if time in columns:
        raise DataError(f"The time column is named '{time}' as a column of scores is: rename it.")
    return {time: stamps, **columns}


@contextmanager
def written_to(path: Path | None) -> Iterator[Callable[[Columns], object]]:
    """Give a function that writes columns as CSV to a file or, without one, to stdout; to .npz when all have come."""
    if path is None:
        stdout = sys.stdout  # as it is now: while a bar is shown, it stands for stderr
        yield csv_writer(stdout.write)
        stdout.flush()
        return
    with open_atomic(path) as file:
        if path.suffix.lower() != ".npz":
            yield csv_writer(lambda text: file.write(text.encode()))
            return
        chunks: list[Columns] = []
        yield chunks.append
        columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        np.savez_compressed(file, allow_pickle=False, **columns)


def csv_writer(write: Callable[[str], object]) -> Callable[[Columns], None]:
    begun = False

    def write_columns(columns: Columns) -> None:
        nonlocal begun
        header = [] if begun else [",".join(_cells([*columns]))]
        begun = True
        rows = zip(*map(_cells, columns.values()), strict=True)
        write("\n".join([*header, *map(",".join, rows)]) + "\n")

    return write_columns


def _cells(values: np.ndarray | list[str]) -> Iterable[str]:
    if isinstance(values, np.ndarray):
        return map(str, values)  # of a float32, this is the shortest text that reads back as the same number
    return ('"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text for text in values)
