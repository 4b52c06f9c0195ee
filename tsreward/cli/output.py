"""Progress on stderr, the result on stdout: one JSON document, or tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text


class Stages:
    """A bar for every stage, with the time spent and the time left.

    While it is open, what simulators print goes to stderr: stdout belongs to the result.
    """

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:<15}"), BarColumn(24), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, *times, console=Console(stderr=True))
        self._running: TaskID | None = None
        self._aside = ExitStack()

    def __enter__(self) -> Stages:
        self._aside.enter_context(redirect_stdout(sys.stderr))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._complete()
        if self._running is not None:
            self._progress.stop()
        self._aside.close()

    def __call__(self, name: str) -> Callable[[int, int], None]:
        """Begin a stage; call what comes back with (done, total)."""
        self._complete()
        self._progress.start()  # not before there is a bar: an error that comes earlier stands alone
        running = self._running = self._progress.add_task(name, total=None)
        return lambda done, total: self._progress.update(running, completed=done, total=total)

    def _complete(self) -> None:
        """Fill the bar of a stage that ended before its total, e.g. because training stopped early."""
        if self._running is not None:
            done = next(task.completed for task in self._progress.tasks if task.id == self._running)
            self._progress.update(self._running, completed=max(done, 1), total=max(done, 1))


def print_json(document: Mapping[str, Any]) -> None:
    """Write the one JSON document of a command to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, default=str) + "\n")
    sys.stdout.flush()


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout; cells are plain text, whatever characters are in them."""
    table = Table()
    for position, name in enumerate(header):
        table.add_column(name, justify="right" if position else "left")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    print(title)
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"
    return str(value)
