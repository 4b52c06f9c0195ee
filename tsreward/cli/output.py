"""What commands print: numbers, messages, one line for an error."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
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

from tsreward.encoders.picture_shapes import picture_remedy
from tsreward.errors import DataError, ShapeError
from tsreward.files import check_writable
from tsreward.named_warnings import given_warnings
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.episodes import Episode


def prefer_one_thread() -> None:
    """Use one thread, unless OMP_NUM_THREADS asks for something else: small networks are faster so."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def check_output(path: Path) -> None:
    """Find out whether a file can be written.

    Raises:
        DataError: it is a folder, a device or a pipe, its folder is missing, or nothing can be written there.
    """
    if str(path) == "-":
        raise DataError("--out - is standard output, which only tsreward score writes its result to: name a file.")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it with --out.")
    check_writable(path)


def run_path(command: str, env: str, seed: int) -> Path:
    """Return the folder that a run gets where none is named."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{command}-{env.replace('/', '-')}-seed{seed}-{now}"


def fitting(model: RewardModel, model_file: Path, episodes: Sequence[Episode], data_file: Path) -> list[Episode]:
    """Return the episodes as the model reads them: columns in its order, and the newest frames, see `in_order`.

    Raises:
        DataError: a column is missing or unknown.
        ShapeError: the observations have another shape than those the model was fitted on.
    """
    episodes = [episode.in_order(model.columns, str(model_file), str(data_file)) for episode in episodes]
    episodes = [model.in_order(episode, str(data_file)) for episode in episodes]
    found = episodes[0].obs.shape[1:]
    if found != model.obs_shape:
        remedy = picture_remedy(model.obs_shape, found) or "score data of the kind that the model was fitted on"
        raise ShapeError(
            f"{model_file} reads observations {list(model.obs_shape)}, but {data_file} holds {list(found)}: {remedy}."
        )
    return episodes


class Stages:
    """The progress of every stage, with the time spent and the time left, on stderr: bars on a terminal, else lines.

    While it is open, what simulators print goes to stderr: stdout belongs to the result.

    Args:
        every: seconds between two lines of a stage.
        clock: gives the time in seconds.
    """

    def __init__(self, every: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        console = Console(stderr=True)
        self._shown = _Bars(console) if console.is_terminal else _Lines(every, clock)
        self._aside = ExitStack()

    def __enter__(self) -> Stages:
        self._aside.enter_context(redirect_stdout(sys.stderr))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._shown.complete()
        self._shown.close()
        self._aside.close()

    def __call__(self, name: str) -> Callable[[int, int], None]:
        """Begin a stage; call what comes back with (done, total)."""
        self._shown.complete()
        return self._shown.begin(name)


class _Bars:
    """A bar for every stage."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<15}"), BarColumn(24), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, *times, console=console)
        self._running: TaskID | None = None

    def begin(self, name: str) -> Callable[[int, int], None]:
        self._progress.start()  # not before there is a bar: an error that comes earlier stands alone
        running = self._running = self._progress.add_task(name, total=None)
        return lambda done, total: self._progress.update(running, completed=done, total=total)

    def complete(self) -> None:
        """Fill the bar of a stage that ended before its total, e.g. because training stopped early."""
        if self._running is not None:
            done = next(task.completed for task in self._progress.tasks if task.id == self._running)
            self._progress.update(self._running, completed=max(done, 1), total=max(done, 1))

    def close(self) -> None:
        if self._running is not None:
            self._progress.stop()


class _Lines:
    """A line now and then, and one where a stage ends."""

    def __init__(self, every: float, clock: Callable[[], float]) -> None:
        self._every, self._clock = every, clock
        self._name: str | None = None

    def begin(self, name: str) -> Callable[[int, int], None]:
        self._name, self._done = name, 0
        self._begun = self._told = self._clock()
        return self._step

    def _step(self, done: int, total: int) -> None:
        self._done, now = done, self._clock()
        if now - self._told < self._every:
            return
        self._told, spent = now, now - self._begun
        left = f", {_duration(spent * (total - done) / done)} left" if done else ""
        share = f" ({done / total:.0%})" if total else ""
        self._tell(f"{done:,} of {total:,}{share} in {_duration(spent)}{left}")

    def complete(self) -> None:
        """Say how far a stage came, which may be less than its total, and how long it took."""
        if self._name is not None:
            count = f"{self._done:,} " if self._done else ""
            self._tell(f"{count}done in {_duration(self._clock() - self._begun)}")
            self._name = None

    def close(self) -> None:
        """Leave what was written."""

    def _tell(self, text: str) -> None:
        print(f"tsreward: {self._name}: {text}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    """Return a time as it is read out.

    >>> _duration(7.4), _duration(150), _duration(7_260)
    ('7 s', '2 min 30 s', '2 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def print_json(document: Mapping[str, Any]) -> None:
    """Write the one JSON document of a command to stdout, with the warnings that were given where there are any."""
    given = given_warnings()
    if given and document.get("warnings") != given:
        document = {**document, "data_warnings" if "warnings" in document else "warnings": given}
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


def conclude(verdict: str, *commands: Sequence[object]) -> None:
    """End a command: write its result in one sentence to stdout, and which command to run next.

    >>> conclude("All 2 files are sound.", ["tsreward", "info", "my model.safetensors"])
    All 2 files are sound.
    Next: tsreward info 'my model.safetensors'
    """
    print(verdict)
    for words in commands:
        print(f"Next: {shlex.join(map(str, words))}")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"
    return str(value)
