"""A plant whose sensors depend on each other: `load` is a daily sine, `temp` and `flow` follow it; one row a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tsreward.io import save
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis

NAMES = ("load", "temp", "flow")
FIT, SCORE = 3000, 600


def plant(rows: int = FIT + SCORE, seed: int = 0) -> np.ndarray:
    """Return load, temp and flow [rows, 3]."""
    rng = np.random.default_rng(seed)
    load = 50 + 20 * np.sin(2 * np.pi * np.arange(rows) / 1440) + rng.normal(0, 0.5, rows)
    temp = 20 + 0.3 * load + rng.normal(0, 0.1, rows)
    flow = 5 + 0.02 * load + rng.normal(0, 0.01, rows)
    return np.stack([load, temp, flow], axis=1).round(4)


def stamps(first: int, last: int) -> list[str]:
    """Return one stamp a minute, as text without a zone."""
    times = np.datetime64("2024-03-01T00:00", "s") + np.arange(first, last) * np.timedelta64(60, "s")
    return [str(time).replace("T", " ") for time in times]


def write(path: Path, columns: dict[str, Any]) -> Path:
    """Write columns of text or numbers as CSV, and return the path."""
    rows = zip(*(map(str, values) for values in columns.values()), strict=True)
    path.write_text("\n".join([",".join(columns), *map(",".join, rows)]) + "\n")
    return path


def log(path: Path, first: int = FIT, last: int = FIT + SCORE, names: tuple[str, ...] = NAMES, **more: Any) -> Path:
    """Write some of the plant's rows with stamps, columns in the order of `names`, and return the path."""
    rows = plant()[first:last]
    columns = {"time": stamps(first, last), **{name: rows[:, NAMES.index(name)] for name in names}, **more}
    return write(path, columns)


def frame(first: int = FIT, last: int = FIT + SCORE, names: tuple[str, ...] = NAMES) -> Any:
    """Return some of the plant's rows as a DataFrame, columns in the order of `names`, without a time index."""
    import pandas

    rows = plant()[first:last]
    return pandas.DataFrame({name: rows[:, NAMES.index(name)] for name in names})


def fitted(window: int = 4) -> RewardModel:
    """Return the model of the plant, fitted on a DataFrame."""
    return RewardModel(Mahalanobis(window), Likeness()).fit([frame(0, FIT)])


def saved(path: Path, window: int = 4) -> Path:
    """Save the model of the plant and return the path."""
    save(fitted(window), path)
    return path
