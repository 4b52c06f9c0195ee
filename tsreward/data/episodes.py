"""Episodes on disk: one NPZ file of plain arrays, written atomically, read without pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsreward.episodes import Episode
from tsreward.errors import DataError, TSRewardError
from tsreward.files import write_atomic

_OPTIONAL = ("rewards", "costs", "actions")


def save_episodes(episodes: Sequence[Episode], path: str | Path) -> None:
    """Write episodes of one observation shape: `obs`, `lengths`, `terminated` and what else every one of them has.

    Raises:
        DataError: no episodes, some have a field that others lack, or the file cannot be written.
    """
    if not episodes:
        raise DataError(f"No episodes to write to {path}.")
    arrays = {
        "obs": np.concatenate([episode.obs for episode in episodes]),
        "lengths": np.array([len(episode) for episode in episodes], dtype=np.int64),
        "terminated": np.array([episode.terminated for episode in episodes]),
    }
    for name in _OPTIONAL:
        present = [value for episode in episodes if (value := getattr(episode, name)) is not None]
        if present and len(present) != len(episodes):
            raise DataError(f"{len(present)} of {len(episodes)} episodes have {name}: give it to all or to none.")
        if present:
            arrays[name] = np.concatenate(present)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(Path(path), buffer.getvalue())


def load_episodes(path: str | Path) -> list[Episode]:
    """Read a file of `save_episodes`.

    Raises:
        DataError: the file is missing, damaged, or its arrays do not fit together.
    """
    arrays = _read(Path(path))
    lengths = arrays["lengths"]
    if lengths.ndim != 1 or len(lengths) == 0 or lengths.dtype.kind not in "iu" or lengths.min() < 1:
        raise DataError(f"{path}: 'lengths' must be positive integers, one per episode; write it with save_episodes.")
    steps = int(lengths.sum())
    expected = {"obs": steps + len(lengths), "terminated": len(lengths)} | dict.fromkeys(_OPTIONAL, steps)
    for name, rows in expected.items():
        if name in arrays and (arrays[name].ndim < 1 or len(arrays[name]) != rows):
            raise DataError(
                f"{path}: 'lengths' promises {rows} rows of '{name}', found shape {list(arrays[name].shape)}."
            )
    bounds, borders = np.cumsum(lengths + 1)[:-1], np.cumsum(lengths)[:-1]
    fields = {name: np.split(arrays[name], borders) for name in _OPTIONAL if name in arrays}
    try:
        return [
            Episode(
                obs, **{name: parts[index] for name, parts in fields.items()}, terminated=bool(arrays["terminated"][index])
            )
            for index, obs in enumerate(np.split(arrays["obs"], bounds))
        ]
    except TSRewardError as error:
        raise DataError(f"{path}: {error}") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("obs", "lengths", "terminated", *_OPTIONAL) if name in file}
    except FileNotFoundError as error:
        raise DataError(f"No episodes file {path}: make one with `tsreward collect`.") from error
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path} is not an episodes file or is damaged ({error}): collect it again.") from error
    missing = {"obs", "lengths", "terminated"} - arrays.keys()
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}: write it with tsreward.save_episodes.")
    return arrays
