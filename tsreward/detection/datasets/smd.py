"""Server Machine Dataset (Su et al. 2019), its interpretation labels, and a generator in its layout."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.data.tables import TextTable
from tsreward.detection.datasets.formats import LOADERS
from tsreward.detection.datasets.reading import chosen, need, root_of, stems
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import DetectionTask, Series

FOLDER = "ServerMachineDataset"


@LOADERS.register("smd")
def load_smd(folder: str | Path, names: Iterable[str] | None = None) -> list[DetectionTask]:
    """Read `{train,test,test_label}/machine-<group>-<number>.txt` below a folder, or below its ServerMachineDataset.

    The files have no header; the part to learn from has no labels. `names` chooses machines, e.g. ["machine-1-1"].

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
    learn, judge = _values(train), _values(test)
    if learn.shape[1] != judge.shape[1]:
        raise DataError(f"{test} has {judge.shape[1]} columns: expected {learn.shape[1]}, as in {train}.")
    return DetectionTask(name, Series(learn, name=name), Series(judge, _labels(label, len(judge), test), name))


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


DAY = 288  # rows
FACTORS = 3
SHARE = 0.04  # of the rows to judge that are anomalous
SEGMENT = 40  # rows of an anomaly, about


def smd_like(seed: int, count: int = 4, steps: int = 4000, dim: int = 12) -> list[DetectionTask]:
    """Return machines of `steps` rows to learn from, without anomalies, and as many to judge, with about 4 % of them.

    Values [T, dim] lie in [0, 1]. A sixth of the channels is constant, the others mix three loads, each with a day of
    288 rows, slow wandering and bursts. An anomaly is a segment in some of the channels: irregular peaks, another
    level, or a course that no longer goes with the other channels. A machine depends on the seed and its place, not on
    `count`.

    Raises:
        OptionError: less than 400 steps or 2 channels, or no machine.

    >>> task = smd_like(seed=0, count=1)[0]
    >>> task.name, task.test.values.shape, float(task.test.labels.mean()), task.train.labels
    ('machine-1-1', (4000, 12), 0.04, None)
    """
    if count < 1 or steps < 400 or dim < 2:
        raise OptionError(
            f"smd_like makes at least 1 machine of at least 400 steps and 2 channels, got {count} of {steps} and {dim}."
        )
    return [_machine(np.random.default_rng([seed, number]), number, steps, dim) for number in range(count)]


def _machine(rng: np.random.Generator, number: int, steps: int, dim: int) -> DetectionTask:
    values = _healthy(rng, 2 * steps, dim)
    live = rng.permutation(dim)[dim // 6 :]
    constant = np.setdiff1d(np.arange(dim), live)
    values[:, constant] = rng.choice([0.0, 0.25, 1.0], len(constant))
    learn, judge = values[:steps], values[steps:].copy()
    labels = _disturb(rng, learn, judge, live)
    name = f"machine-{number // 8 + 1}-{number % 8 + 1}"
    return DetectionTask(name, Series(learn.round(6), name=name), Series(judge.clip(0, 1).round(6), labels, name))


def _healthy(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    """Return channels [rows, dim] in [0, 1]."""
    time = np.arange(rows)[:, None] / DAY + rng.random(FACTORS)
    season = np.sin(2 * np.pi * time) + 0.4 * np.sin(4 * np.pi * time)
    wandering = _echo(0.2 * rng.normal(size=(rows, FACTORS)), 0.96)
    bursts = _echo(rng.exponential(0.8, (rows, FACTORS)) * (rng.random((rows, FACTORS)) < 0.01), 0.85)
    weights = rng.uniform(0.3, 1, (FACTORS, dim)) * (rng.random((FACTORS, dim)) < 0.5)
    weights[rng.integers(FACTORS, size=dim), np.arange(dim)] += 0.5  # no channel without a load
    raw = (season + wandering + bursts) @ weights + 0.2 * rng.normal(size=(rows, dim))
    low, high = raw.min(0), raw.max(0)
    return rng.uniform(0, 0.2, dim) + rng.uniform(0.4, 0.8, dim) * (raw - low) / (high - low)


def _echo(shocks: np.ndarray, decay: float) -> np.ndarray:
    """Return the sum [T, F] of all earlier shocks, each fading by `decay` a row."""
    fading = decay ** np.arange(200)
    return np.stack([np.convolve(shock, fading)[: len(shocks)] for shock in shocks.T], 1)


def _disturb(rng: np.random.Generator, learn: np.ndarray, judge: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Write the anomalies into the rows to judge, in place, and return their labels [T]."""
    steps = len(judge)
    labels = np.zeros(steps, dtype=bool)
    # One segment in each of `count` equal stretches; the lengths add up to the share.
    count = max(1, round(SHARE * steps / SEGMENT))
    ends = np.round(np.cumsum(rng.dirichlet(np.full(count, 10.0))) * SHARE * steps).astype(int)
    lengths = np.diff(ends, prepend=0).clip(min=1)
    kinds = rng.permutation(np.arange(count) % 3)
    for number, (length, kind) in enumerate(zip(lengths, kinds, strict=True)):
        start = number * steps // count + rng.integers(steps // count - length)
        rows = np.arange(start, start + length)[:, None]
        some = rng.permutation(live)[: rng.integers(max(1, len(live) // 5), len(live) // 3 + 2)]
        room = np.where(judge[rows, some].mean(0) < 0.5, 1, -1)  # away from the nearer end of [0, 1]
        if kind == 0:
            peaks = rng.random((length, len(some))) < 0.4
            judge[rows, some] += room * peaks * rng.uniform(0.1, 0.4, (length, len(some)))
        elif kind == 1:
            judge[rows, some] += room * rng.uniform(0.1, 0.3, len(some))
        else:  # healthy rows of these channels, of half a day before or after, more or less
            shift = DAY // 2 + rng.integers(-DAY // 8, DAY // 8)
            judge[rows, some] = learn[(rows + shift) % steps, some]
        labels[rows] = True
    return labels
