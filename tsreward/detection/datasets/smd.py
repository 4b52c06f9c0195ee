"""Server Machine Dataset (Su et al. 2019), its interpretation labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.data.tables import TextTable
from tsreward.detection.datasets.reading import LOADERS, chosen, need, root_of, stems
from tsreward.errors import DataError
from tsreward.sequences.series import DetectionTask, Series

FOLDER = "ServerMachineDataset"


@LOADERS.register("smd")
def load_smd(folder: str | Path, names: Iterable[str] | None = None) -> list[DetectionTask]:
    """Read `{train,test,test_label}/machine-<group>-<number>.txt` below a folder, or below its ServerMachineDataset.

    The files have no header; training rows have no labels. `names` chooses machines, e.g. ["machine-1-1"].

    Raises:
        DataError: a file is missing or malformed; the message tells file, line and column.
        OptionError: a machine that is not there.

    >>> import tempfile
    >>> from tsreward.detection.datasets.synthetic import smd_like, write_smd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_smd(smd_like(seed=0, count=2, steps=500), folder)
    ...     [(task.name, task.test.values.shape) for task in load_smd(folder)]
    [('machine-1-1', (500, 12)), ('machine-1-2', (500, 12))]
    """
    root = root_of(folder, "train", within=FOLDER)
    found = stems(root / "train", ".txt")
    for name in sorted({*stems(root / "test", ".txt")} - {*found}):
        need(root / "train" / f"{name}.txt", f"the partner of {root / 'test' / name}.txt")
    if not found:
        raise DataError(f"{root / 'train'} has no file machine-<group>-<number>.txt.")
    return [_task(root, name) for name in chosen("machine", found, names)]


def _task(root: Path, name: str) -> DetectionTask:
    train, test, label = (root / part / f"{name}.txt" for part in ("train", "test", "test_label"))
    for path in (test, label):
        need(path, f"the partner of {train}")
    trained, tested = _values(train), _values(test)
    if trained.shape[1] != tested.shape[1]:
        raise DataError(f"{test} has {tested.shape[1]} columns: expected {trained.shape[1]}, as in {train}.")
    return DetectionTask(name, Series(trained, name=name), Series(tested, _labels(label, len(tested), test), name))


def _values(path: Path) -> np.ndarray:
    with TextTable(path, header=False) as table:
        return table.read(table.names).numbers


def _labels(path: Path, rows: int, data: Path) -> np.ndarray:
    """Return the labels [T] bool of a file with one 0 or 1 a line, as many as `data` has rows."""
    with TextTable(path, header=False) as table:
        if len(table.names) != 1:
            raise DataError(f"{path} must have one label, 0 or 1, in each line, found {len(table.names)} columns.")
        labels = table.labels(table.read(table.names).numbers[:, 0], table.names[0])
    if len(labels) != rows:
        raise DataError(f"{path} has {len(labels)} labels, but {data} has {rows} rows: one label belongs to each row.")
    return labels


_LINE = re.compile(r"([0-9]+)-([0-9]+):([0-9]+(?:,[0-9]+)*)")


@dataclass(frozen=True)
class Interpretation:
    """One anomaly, and the channels that show it."""

    start: int
    """First row, from 0."""
    end: int
    """The row after the last, as in the label files."""
    dims: tuple[int, ...]
    """Numbers of the channels, from 1 as published."""


def read_interpretation(path: str | Path, series: Series | None = None) -> list[Interpretation]:
    """Read the lines `start-end:dim,dim,...` of one machine, and check them against its series where it is given.

    The spans are as published; in at least one machine (2-3) one of them is longer than what its label file marks.

    Raises:
        DataError: the file is missing, empty or malformed, or a span or channel is not in the series.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as lines start-end:dim,dim,... ({error}).") from error
    if not lines:
        raise DataError(f"{path} is empty: expected lines start-end:dim,dim,...")
    return [_parse(line, f"{path}, line {number}", series) for number, line in enumerate(lines, 1)]


def _parse(line: str, where: str, series: Series | None) -> Interpretation:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise DataError(f"{where}: expected start-end:dim,dim,... as in 4629-4688:9,10, found {line[:40]!r}.")
    start, end, dims = int(match[1]), int(match[2]), tuple(map(int, match[3].split(",")))
    if end <= start:
        raise DataError(f"{where}: the span {start}-{end} must end after it starts.")
    if series is not None and end > len(series):
        raise DataError(f"{where}: the span {start}-{end} leaves the {len(series)} rows of '{series.name}'.")
    for dim in dims:
        if dim < 1 or (series is not None and dim > series.dim):
            limit = "" if series is None else f" to {series.dim}"
            raise DataError(f"{where}: channels are numbered from 1{limit}, found {dim}.")
    return Interpretation(start, end, dims)
