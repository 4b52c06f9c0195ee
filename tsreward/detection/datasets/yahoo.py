"""Yahoo S5, and a generator in its layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.data.tables import open_table
from tsreward.detection.datasets.formats import LOADERS
from tsreward.detection.datasets.reading import check_fraction, chosen, read_series, split, stems
from tsreward.errors import DataError, OptionError
from tsreward.files import natural_key
from tsreward.sequences.series import DetectionTask, Series

BENCHMARKS = ("A1", "A2", "A3", "A4")
TIME = {"A1": "timestamp", "A2": "timestamp", "A3": "timestamps", "A4": "timestamps"}
LABEL = {"A1": "is_anomaly", "A2": "is_anomaly", "A3": "anomaly", "A4": "anomaly"}


@LOADERS.register("yahoo")
def load_yahoo(
    folder: str | Path, benchmarks: Sequence[str] | None = None, train_fraction: float = 0.5
) -> list[DetectionTask]:
    """Read `<benchmark>Benchmark/*.csv` below a folder; tasks are named as in A1-real_1, A2-synthetic_1 and A3-TS1.

    No part of these sets is made to learn from: the first `train_fraction` of the rows becomes it, with its labels.
    `benchmarks` are those to read, by default all that are there. The change points and components of A3 and A4 are not
    values, and their files `*_all.csv` are not read.

    Raises:
        DataError: a file or folder is missing or malformed; the message tells file, line and column.
        OptionError: an unknown benchmark, or a share that is not between 0 and 1.

    >>> import tempfile
    >>> from tsreward.detection.datasets.synthetic import write_yahoo, yahoo_like
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_yahoo(yahoo_like(seed=0, count=4), folder)
    ...     [(task.name, len(task.train), len(task.test)) for task in load_yahoo(folder, ["A2", "A3"])]
    [('A2-synthetic_1', 700, 700), ('A3-TS1', 700, 700)]
    """
    check_fraction(train_fraction)
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    wanted = chosen("benchmark", BENCHMARKS, benchmarks)
    present = [name for name in wanted if (folder / f"{name}Benchmark").is_dir()]
    missing = [name for name in wanted if name not in present]
    if missing and (benchmarks is not None or not present):
        raise DataError(f"{folder} has no folder {missing[0]}Benchmark: give the folder that holds it.")
    return [split(series, train_fraction) for name in present for series in _read(folder / f"{name}Benchmark", name)]


def _read(folder: Path, benchmark: str) -> list[Series]:
    found = sorted((stem for stem in stems(folder, ".csv") if not stem.endswith("_all")), key=natural_key)
    if not found:
        raise DataError(f"{folder} has no CSV file of a series.")
    return [_series(folder / f"{stem}.csv", benchmark) for stem in found]


def _series(path: Path, benchmark: str) -> Series:
    name = f"{benchmark}-{path.stem.removeprefix(f'{benchmark}Benchmark-')}"
    with open_table(path) as table:
        return read_series(table, ["value"], name, LABEL[benchmark], TIME[benchmark])


NAMES = ("A1-real_{}", "A2-synthetic_{}", "A3-TS{}", "A4-TS{}")
PERIODS = np.array([12, 24, 168])
SHARE = 0.01  # of the rows that are anomalous
FIRST, HOUR = 1_416_726_000, 3600  # time stamps of A2 to A4, in seconds; A1 counts rows from 1


def yahoo_like(seed: int, count: int = 20, steps: int = 1400) -> list[DetectionTask]:
    """Return series of `steps` hours, the first half to learn from; both halves have labels and hold anomalies.

    They are of the four kinds of the benchmark in turn and named as its files are, though all are synthetic: A1
    positive and bursty, A2 one season and a trend, A3 three seasons, A4 these and changes of level and noise. 1 % of
    the rows is anomalous: single spikes, single values of the wrong phase, and one run of a stuck value; the changes
    are not. A series depends on the seed and its place, not on `count`.

    Raises:
        OptionError: less than 500 steps, or no series.

    >>> task = yahoo_like(seed=0, count=1)[0]
    >>> task.name, task.train.values.shape, int(task.train.labels.sum() + task.test.labels.sum())
    ('A1-real_1', (700, 1), 14)
    """
    if count < 1 or steps < 500:
        raise OptionError(f"yahoo_like makes at least 1 series of at least 500 steps, got {count} of {steps}.")
    series = [_series_yahoo_like(np.random.default_rng([seed, number]), number, steps) for number in range(count)]
    return [split(one, 0.5) for one in sorted(series, key=lambda one: natural_key(one.name))]


def _series_yahoo_like(rng: np.random.Generator, number: int, steps: int) -> Series:
    kind = number % len(NAMES)
    level, season, noise = _parts(rng, kind, steps)
    values, labels = level + season + noise, np.zeros(steps, dtype=bool)
    _disturb(rng, values, labels, level, season)
    if kind == 0:
        values = np.exp(values / 2)
    values = np.round(rng.uniform(10, 1000) * values, 6)
    index = np.arange(steps) + 1 if kind == 0 else FIRST + HOUR * np.arange(steps)
    return Series(values[:, None], labels, NAMES[kind].format(number // len(NAMES) + 1), ("value",), index)


def _parts(rng: np.random.Generator, kind: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the level [T] (trend and jumps), the seasons [T] and the noise [T]."""
    rows = np.arange(steps)
    used = np.array([kind != 1, True, kind != 1])  # A2 has the season of a day only
    amplitudes, phases = used * rng.uniform(0.3, 1, 3), rng.random(3)
    season = np.sin(2 * np.pi * (rows[:, None] / PERIODS + phases)) @ amplitudes
    level = rng.uniform(-2, 2) * rows / steps
    spread = np.full(steps, rng.uniform(0.05, 0.15))
    if kind == 0:
        bursts = rng.exponential(0.4, steps) * (rng.random(steps) < 0.03)
        level = level + np.convolve(bursts, 0.7 ** np.arange(20))[:steps]
    if kind == 3:
        for change in rng.choice(np.arange(steps // 10, steps - steps // 10), 3, replace=False):
            level = level + rng.uniform(-2, 2) * (rows >= change)
            spread = spread * np.where(rows >= change, rng.uniform(0.6, 1.6), 1.0)
    return level, season, spread * rng.normal(size=steps)


def _disturb(
    rng: np.random.Generator, values: np.ndarray, labels: np.ndarray, level: np.ndarray, season: np.ndarray
) -> None:
    """Write the anomalies into values and labels, in place, none next to another."""
    rows = round(SHARE * len(values))
    run = min(max(3, rows // 2), 20)
    single = np.array_split(np.arange(rows - run), 2)
    # Each anomaly has a stretch of its own; those of the first and the second half take turns, so that both get some.
    stretches = rng.permutation(np.arange(run, len(values) - run, run + 5))
    early, late = stretches[stretches + run <= len(values) / 2], stretches[stretches >= len(values) / 2]
    pairs = min(len(early), len(late))
    starts = np.stack([late[:pairs], early[:pairs]], 1).ravel()

    stuck = slice(starts[0], starts[0] + run)
    values[stuck] = level[stuck].mean() + np.abs(season).max() * rng.choice([-1, 1]) * rng.uniform(0.8, 1.2)
    labels[stuck] = True

    spikes = starts[1 + single[0]] + rng.integers(run, size=len(single[0]))
    values[spikes] += rng.choice([-1, 1], len(spikes)) * rng.uniform(0.5, 1.5, len(spikes)) * np.ptp(season)
    labels[spikes] = True

    # The row of a stretch where the season is strongest, with the value of the opposite phase.
    wrong = np.array([start + np.abs(season[start : start + run]).argmax() for start in starts[1 + single[1]]], int)
    values[wrong] -= 2 * season[wrong]
    labels[wrong] = True
