"""Episodes on disk: one NPZ file of plain arrays, written atomically, read without pickle."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.rows import Reading
from tsreward.errors import DataError, TSRewardError
from tsreward.files import write_atomic
from tsreward.sequences.episodes import Episode

_OPTIONAL = ("rewards", "costs", "actions")


def save_episodes(episodes: Sequence[Episode], path: str | Path) -> None:
    """Write episodes of one observation shape: `obs`, `lengths`, `terminated` and what else every one of them has.

    Raises:
        DataError: no episodes, some have a field that others lack, or the file cannot be written.
    """
    if not episodes:
        raise DataError(f"No episodes to write to {path}.")
    write_arrays(arrays_of(episodes), Path(path))


def arrays_of(episodes: Sequence[Episode]) -> dict[str, np.ndarray]:
    """Return the arrays that a file of these episodes holds.

    Raises:
        DataError: some have a field that others lack.
    """
    arrays = {
        "obs": np.concatenate([episode.obs for episode in episodes]),
        "lengths": np.array([len(episode) for episode in episodes], dtype=np.int64),
        "terminated": np.array([episode.terminated for episode in episodes]),
    }
    if not all(episode.first_known for episode in episodes):
        arrays["first_known"] = np.array([episode.first_known for episode in episodes])
    for name in _OPTIONAL:
        present = [value for episode in episodes if (value := getattr(episode, name)) is not None]
        if present and len(present) != len(episodes):
            raise DataError(f"{len(present)} of {len(episodes)} episodes have {name}: give it to all or to none.")
        if present:
            arrays[name] = np.concatenate(present)
    return arrays


def write_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write an NPZ file, at once or not at all.

    Raises:
        DataError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())


def load_episodes(path: str | Path) -> list[Episode]:
    """Read a file of `save_episodes`, or of something that writes more arrays beside its own, such as `save_graded`.

    Raises:
        DataError: the file is missing, damaged, holds NaN or inf, or its arrays do not fit together.
    """
    path = Path(path)
    return episodes_from(read_arrays(path), path)


def is_episodes(arrays: dict[str, np.ndarray]) -> bool:
    """Tell whether the arrays of an NPZ file are meant to be those of `save_episodes`."""
    return "obs" in arrays and "lengths" in arrays


def episodes_from(arrays: dict[str, np.ndarray], path: Path) -> list[Episode]:
    """Return the episodes that the arrays of the file `path` describe.

    Raises:
        DataError: the arrays do not fit together, or hold NaN or inf.
    """
    return read_episode_arrays(arrays, path).episodes


def read_episode_arrays(arrays: dict[str, np.ndarray], path: Path, skip_bad: bool = False) -> Reading:
    """Return the episodes of `episodes_from`; with `skip_bad`, those that hold NaN or inf are left out and noted.

    Raises:
        DataError: as `episodes_from`.
    """
    missing = {"obs", "lengths", "terminated"} - arrays.keys()
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}: write it with tsreward.save_episodes.")
    lengths = arrays["lengths"]
    if lengths.ndim != 1 or len(lengths) == 0 or lengths.dtype.kind not in "iu" or lengths.min() < 1:
        raise DataError(f"{path}: 'lengths' must be positive integers, one per episode; write it with save_episodes.")
    steps = int(lengths.sum())
    expected = {"obs": steps + len(lengths)} | dict.fromkeys(_OPTIONAL, steps)
    expected |= dict.fromkeys(("terminated", "first_known"), len(lengths))
    for name, rows in expected.items():
        if name in arrays and (arrays[name].ndim < 1 or len(arrays[name]) != rows):
            raise DataError(
                f"{path}: 'lengths' promises {rows} rows of '{name}', found shape {list(arrays[name].shape)}."
            )
    bounds, borders = np.cumsum(lengths + 1)[:-1], np.cumsum(lengths)[:-1]
    parts: dict[str, Any] = {name: np.split(arrays[name], borders) for name in _OPTIONAL if name in arrays}
    parts["obs"] = np.split(arrays["obs"], bounds)
    known = arrays.get("first_known", np.ones(len(lengths), bool))
    finite = {name: bool(np.isfinite(arrays[name]).all()) for name in parts}

    def make(index: int) -> Episode:
        for name, values in parts.items():
            if not finite[name]:
                _check_finite(path, name, values[index], index)
        try:
            return Episode(
                **{name: values[index] for name, values in parts.items()},
                terminated=bool(arrays["terminated"][index]),
                first_known=bool(known[index]),
            )
        except TSRewardError as error:
            raise DataError(f"{path}: {error}") from error

    reading = Reading()
    for index in range(len(lengths)):
        reading.add(index, partial(make, index), skip_bad)
    return reading.finish(path)


def _check_finite(path: Path, name: str, values: np.ndarray, index: int) -> None:
    rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1))
    if len(rows):
        raise DataError(f"{path}: '{name}' of episode {index} holds NaN or inf at step {rows[0]}: drop that episode")
