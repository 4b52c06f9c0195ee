"""A synthetic set in the manner of the Server Machine Dataset: servers whose channels follow a few shared loads."""

from __future__ import annotations

import numpy as np

from tsreward.errors import OptionError
from tsreward.series import DetectionTask, Series

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
