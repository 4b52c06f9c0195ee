"""Synthetic sets, and their files in the layouts of the real ones: to try everything without a download."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tsreward.detection.datasets.reading import split_in_time
from tsreward.detection.datasets.yahoo import BENCHMARKS, LABEL, TIME
from tsreward.errors import DataError, OptionError
from tsreward.files import make_folder, natural_key, write_atomic
from tsreward.sequences.series import DetectionTask, Series

DAY = 288  # rows
FACTORS = 3
MACHINE_ANOMALIES = 0.04  # fraction of the test rows
SEGMENT = 40  # rows of an anomaly, about


def smd_like(seed: int, count: int = 4, steps: int = 4000, dim: int = 12) -> list[DetectionTask]:
    """Return machines of `steps` training rows without anomalies and as many test rows, about 4 % of them anomalous.

    Values [T, dim] lie in [0, 1]. A sixth of the channels is constant, the others mix three loads, each with a day of
    288 rows, slow wandering and bursts. An anomaly is a segment in some of the channels: irregular peaks, another
    level, or a course that no longer goes with the other channels. A machine depends on the seed and its place, not on
    `count`.

    Args:
        seed: of the random numbers.
        count: number of machines.
        steps: T rows in each part, at least 400.
        dim: channels, at least 2.

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
    train, test = values[:steps], values[steps:].copy()
    labels = _disturb_machine(rng, train, test, live)
    name = f"machine-{number // 8 + 1}-{number % 8 + 1}"
    return DetectionTask(name, Series(train.round(6), name=name), Series(test.clip(0, 1).round(6), labels, name))


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


def _disturb_machine(rng: np.random.Generator, train: np.ndarray, test: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Write the anomalies into the test rows, in place, and return their labels [T]."""
    steps = len(test)
    labels = np.zeros(steps, dtype=bool)
    # One segment in each of `count` equal stretches; the lengths add up to the fraction.
    count = max(1, round(MACHINE_ANOMALIES * steps / SEGMENT))
    ends = np.round(np.cumsum(rng.dirichlet(np.full(count, 10.0))) * MACHINE_ANOMALIES * steps).astype(int)
    lengths = np.diff(ends, prepend=0).clip(min=1)
    kinds = rng.permutation(np.arange(count) % 3)
    for number, (length, kind) in enumerate(zip(lengths, kinds, strict=True)):
        start = number * steps // count + rng.integers(steps // count - length)
        rows = np.arange(start, start + length)[:, None]
        some = rng.permutation(live)[: rng.integers(max(1, len(live) // 5), len(live) // 3 + 2)]
        room = np.where(test[rows, some].mean(0) < 0.5, 1, -1)  # away from the nearer end of [0, 1]
        if kind == 0:
            peaks = rng.random((length, len(some))) < 0.4
            test[rows, some] += room * peaks * rng.uniform(0.1, 0.4, (length, len(some)))
        elif kind == 1:
            test[rows, some] += room * rng.uniform(0.1, 0.3, len(some))
        else:  # healthy rows of these channels, of half a day before or after, more or less
            shift = DAY // 2 + rng.integers(-DAY // 8, DAY // 8)
            test[rows, some] = train[(rows + shift) % steps, some]
        labels[rows] = True
    return labels


NAMES = ("A1-real_{}", "A2-synthetic_{}", "A3-TS{}", "A4-TS{}")
PERIODS = np.array([12, 24, 168])
YAHOO_ANOMALIES = 0.01  # fraction of the rows
FIRST, HOUR = 1_416_726_000, 3600  # time stamps of A2 to A4, in seconds; A1 counts rows from 1


def yahoo_like(seed: int, count: int = 20, steps: int = 1400) -> list[DetectionTask]:
    """Return series of `steps` hours, half of them training rows; both halves have labels and anomalies.

    They are of the four kinds of the benchmark in turn and named as its files are, though all are synthetic: A1
    positive and bursty, A2 one season and a trend, A3 three seasons, A4 these and changes of level and noise. 1 % of
    the rows is anomalous: single spikes, single values of the wrong phase, and one run of a stuck value; the changes
    are not. A series depends on the seed and its place, not on `count`.

    Args:
        seed: of the random numbers.
        count: number of series.
        steps: rows of a series, at least 500.

    Raises:
        OptionError: less than 500 steps, or no series.

    >>> task = yahoo_like(seed=0, count=1)[0]
    >>> task.name, task.train.values.shape, int(task.train.labels.sum() + task.test.labels.sum())
    ('A1-real_1', (700, 1), 14)
    """
    if count < 1 or steps < 500:
        raise OptionError(f"yahoo_like makes at least 1 series of at least 500 steps, got {count} of {steps}.")
    series = [_series_yahoo_like(np.random.default_rng([seed, number]), number, steps) for number in range(count)]
    return [split_in_time(one, 0.5) for one in sorted(series, key=lambda one: natural_key(one.name))]


def _series_yahoo_like(rng: np.random.Generator, number: int, steps: int) -> Series:
    kind = number % len(NAMES)
    level, season, noise = _parts(rng, kind, steps)
    values, labels = level + season + noise, np.zeros(steps, dtype=bool)
    _disturb_yahoo(rng, values, labels, level, season)
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
    std = np.full(steps, rng.uniform(0.05, 0.15))
    if kind == 0:
        bursts = rng.exponential(0.4, steps) * (rng.random(steps) < 0.03)
        level = level + np.convolve(bursts, 0.7 ** np.arange(20))[:steps]
    if kind == 3:
        for change in rng.choice(np.arange(steps // 10, steps - steps // 10), 3, replace=False):
            level = level + rng.uniform(-2, 2) * (rows >= change)
            std = std * np.where(rows >= change, rng.uniform(0.6, 1.6), 1.0)
    return level, season, std * rng.normal(size=steps)


def _disturb_yahoo(
    rng: np.random.Generator, values: np.ndarray, labels: np.ndarray, level: np.ndarray, season: np.ndarray
) -> None:
    """Write the anomalies into values and labels, in place, none next to another."""
    rows = round(YAHOO_ANOMALIES * len(values))
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


COMPONENTS = ("changepoint", "trend", "noise", "seasonality1", "seasonality2", "seasonality3")


def write_smd(tasks: Iterable[DetectionTask], folder: str | Path) -> None:
    """Write `{train,test,test_label}/<name>.txt` as in the Server Machine Dataset; only labels of train are lost.

    Raises:
        OptionError: a name that is no file name.
        DataError: the files cannot be written.
    """
    for task in tasks:
        name = f"{_file_name(task.name)}.txt"
        labels = np.asarray(task.test.labels, dtype=int)[:, None]
        for part, values in (("train", task.train.values), ("test", task.test.values), ("test_label", labels)):
            _write(Path(folder) / part / name, values.tolist())


def write_yahoo(tasks: Iterable[DetectionTask], folder: str | Path) -> None:
    """Write `<benchmark>Benchmark/<series>.csv` as in Yahoo S5, training and test rows as one series, without loss.

    Names are as in A1-real_1, A2-synthetic_1, A3-TS1 and A4-TS1, from which benchmark and file follow. The columns of
    A3 and A4 that no series holds are 0.

    Raises:
        OptionError: another name.
        DataError: more than one column, no labels in train, or the files cannot be written.
    """
    for task in tasks:
        benchmark, _, series = _file_name(task.name).partition("-")
        if benchmark not in BENCHMARKS or not series:
            raise OptionError(f"'{task.name}' is no name of Yahoo S5: expected one as in A1-real_1 or A3-TS1.")
        if task.train.dim != 1 or task.train.labels is None:
            raise DataError(f"'{task.name}' cannot be written as Yahoo S5: that needs one column, and labels in train.")
        rest = COMPONENTS if benchmark in ("A3", "A4") else ()
        stem = f"{benchmark}Benchmark-{series}" if rest else series
        rows: list[list[object]] = [[TIME[benchmark], "value", LABEL[benchmark], *rest]]
        for part in (task.train, task.test):
            stamps = np.arange(len(rows), len(rows) + len(part)) if part.index is None else np.asarray(part.index)
            labels = np.asarray(part.labels, dtype=int).tolist()
            columns = zip(stamps.tolist(), part.values[:, 0].tolist(), labels, strict=True)
            rows += [[*cells, *[0] * len(rest)] for cells in columns]
        _write(Path(folder) / f"{benchmark}Benchmark" / f"{stem}.csv", rows)


def _file_name(name: str) -> str:
    if Path(name).name != name:
        raise OptionError(f"'{name}' cannot become a file: expected a name without separators of folders.")
    return name


def _write(path: Path, rows: Iterable[Iterable[object]]) -> None:
    make_folder(path.parent)
    write_atomic(path, "".join(f"{','.join(map(str, cells))}\n" for cells in rows).encode())
