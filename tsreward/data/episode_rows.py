"""`EpisodeRow`: one row for every episode of a training, in a CSV file that grows while it goes on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tsreward.errors import DataError
from tsreward.files import write_atomic

FILE = "episodes.csv"
UNDONE = "episodes-undone.csv"
"""Episodes after a checkpoint that a run went on from: the agent that goes on has not seen them."""


class EpisodeRow(NamedTuple):
    """A finished episode; what there is none of is None."""

    step: int
    """Decisions in all environments together when it ended."""
    length: int
    """Decisions."""
    true_return: float
    learned_return: float | None = None
    """Without a bonus where rewards are computed later."""
    cost: float | None = None
    flag_rate: float | None = None
    """Fraction of its steps that were anomalous."""
    score_p10: float | None = None
    """The score that 10 % of its steps do not exceed; of 50 and 90 % the next ones."""
    score_p50: float | None = None
    score_p90: float | None = None
    low_rate: float | None = None
    """Fraction of its steps that were paid the least there is, to a hundredth of the range; None where a reward has no
    limits."""
    high_rate: float | None = None
    """Fraction that was paid the most there is."""
    expert_distance: float | None = None
    """Nearness to an expert, see `tsreward.pipeline.expert_windows.Nearness`; None where there is none to compare
    with, and of some episodes where these are short."""
    paid_auc: float | None = None
    motion: float | None = None
    outside_rate: float | None = None


_HEADER = ("agent", "seed", *EpisodeRow._fields)
_FEWEST = _HEADER.index("score_p90") + 1
"""Columns of files that were begun before the others were there."""


class EpisodeFile:
    """Appends rows to a CSV file, each at once and whole; a file that is there keeps the columns that it has.

    Raises:
        DataError: the file cannot be written, or another one is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            self._columns = _columns(path)
        else:
            self._columns = len(_HEADER)
            self._append(_HEADER)

    def write(self, agent: str, seed: int, row: EpisodeRow) -> None:
        """Append the row of an episode of `agent`, which was trained with this seed."""
        values = (agent, seed, *("" if value is None else value for value in row))
        self._append(values[: self._columns])

    def _append(self, values: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write(line.getvalue().encode())
        except OSError as error:
            raise DataError(f"Cannot write {self.path}: {error.strerror}. Free some space.") from error


def undo_after(path: Path, step: int) -> None:
    """Leave the episodes in a file that ended until `step`; later ones, and half a last line, move to another file.

    Raises:
        DataError: it is no file of episodes, or cannot be written.
    """
    read_rows(path)  # or it is another file
    head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    place = _HEADER.index("step")
    kept = [line for line in lines if line.endswith("\n") and int(next(csv.reader([line]))[place]) <= step]
    if len(kept) == len(lines):
        return
    undone = path.with_name(UNDONE)
    text = "" if undone.exists() else head
    with undone.open("a", encoding="utf-8") as file:
        file.write(text + "".join(line for line in lines if line.endswith("\n") and line not in kept))
    write_atomic(path, "".join([head, *kept]).encode())


class RunRows(NamedTuple):
    """The rows of one agent."""

    agent: str
    seed: int
    rows: list[EpisodeRow]


def read_rows(path: Path) -> list[RunRows]:
    """Return the episodes of every agent in a file, in their order; half a last line, of a killed writer, is left out.

    Raises:
        DataError: there is no such file, or it is another one.
    """
    text = _text(path)
    lines = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    _check_header(path, lines.fieldnames)
    agents: dict[tuple[str, int], list[EpisodeRow]] = {}
    try:
        for line in lines:
            agents.setdefault((line["agent"], int(line["seed"])), []).append(_row(line))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}, line {lines.line_num} is no row of an episode ({error}).") from error
    return [RunRows(*agent, rows) for agent, rows in agents.items()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read the episodes of a run, {path}: {error}.") from error


def _columns(path: Path) -> int:
    """Return how many columns a file has."""
    header = next(csv.reader([_text(path).partition("\n")[0]]), [])
    _check_header(path, header)
    return len(header)


def _check_header(path: Path, names: Sequence[str] | None) -> None:
    known = tuple(names or ())
    if len(known) < _FEWEST or known != _HEADER[: len(known)]:
        raise DataError(f"{path} has not the columns of the episodes of a run: {', '.join(_HEADER)}.")


def _row(line: Mapping[str, str]) -> EpisodeRow:
    values = [line[name] for name in EpisodeRow._fields if name in line]
    return EpisodeRow(int(values[0]), int(values[1]), float(values[2]), *(float(v) if v else None for v in values[3:]))
