"""`Episode`: one run of an environment as arrays; and which of its windows are safe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsreward.errors import DataError, ShapeError
from tsreward.sequences.windows import WindowSet


@dataclass(frozen=True)
class Episode:
    """Observations [T + 1, *obs] and what the T transitions between them brought."""

    obs: np.ndarray
    rewards: np.ndarray | None = None
    """[T] environment rewards."""
    costs: np.ndarray | None = None
    """[T] costs; entry t belongs to the arrival at observation t + 1."""
    actions: np.ndarray | None = None
    """[T, *action]."""
    terminated: bool = False
    """Whether the environment ended the episode, rather than a time limit."""

    def __post_init__(self) -> None:
        if self.obs.ndim < 2 or len(self.obs) < 2:
            raise ShapeError(
                f"Episode expects observations [T + 1, *obs] of at least one step, got {list(self.obs.shape)}."
            )
        for name in ("rewards", "costs", "actions"):
            values = getattr(self, name)
            if values is None:
                continue
            if len(values) != len(self):
                raise ShapeError(
                    f"Episode expects {len(self)} {name} for {len(self.obs)} observations, got {len(values)}."
                )
            # A column [T, 1] would broadcast against scores [T] to a matrix.
            if name != "actions" and np.ndim(values) != 1:
                raise ShapeError(
                    f"Episode expects {name} [{len(self)}], got {list(np.shape(values))}: flatten them to one per step."
                )

    def __len__(self) -> int:
        return len(self.obs) - 1


def as_episodes(data: Any) -> tuple[list[Episode], bool]:
    """Return what people have as episodes, and whether it was one alone.

    An array of T rows becomes T transitions: its first row stands in front once more, so that every row is arrived at;
    as short history repeats the first observation anyway, no window changes.

    Args:
        data: an `Episode`, an array or tensor [T, *obs], a DataFrame of numbers, or a list of these.

    Raises:
        DataError: something else, or NaN or inf in it.

    >>> as_episodes(np.zeros((3, 2)))[0][0].obs.shape
    (4, 2)
    """
    if isinstance(data, Episode):
        return [data], True
    if hasattr(data, "__array__"):
        return [_as_episode(data)], True
    if isinstance(data, str | bytes | dict) or not isinstance(data, Iterable):
        raise DataError(f"Expected an Episode, an array [T, *obs], a DataFrame or a list of these, got {_kind(data)}.")
    parts = list(data)
    return [part if isinstance(part, Episode) else _as_episode(part) for part in parts], False


def _as_episode(data: Any) -> Episode:
    if not hasattr(data, "__array__"):
        raise DataError(f"Expected an Episode, an array [T, *obs] or a DataFrame in the list, got {_kind(data)}.")
    rows = np.asarray(data)
    if rows.dtype.kind not in "biuf" or rows.ndim < 2 or not len(rows):
        raise DataError(
            f"Expected an array [T, *obs] of numbers with T > 0 rows, got {list(rows.shape)} of {rows.dtype}: give one "
            f"row per step, and leave out columns that are no numbers."
        )
    bad = np.flatnonzero(~np.isfinite(rows.reshape(len(rows), -1)).all(1)) if rows.dtype.kind == "f" else []
    if len(bad):
        raise DataError(f"Row {bad[0]} (from 0) holds NaN or inf: fill or drop it first.")
    return Episode(np.concatenate([rows[:1], rows]))


def _kind(data: Any) -> str:
    return f"{type(data).__module__}.{type(data).__qualname__}".removeprefix("builtins.")


def safe_windows(episodes: Sequence[Episode], window: int, frame_skip: int = 1) -> tuple[WindowSet, WindowSet | None]:
    """Return (windows without any cost inside, windows whose last step has a cost or None where there is no cost).

    Windows with a cost only before their last step belong to neither: what led there was unsafe, where the agent is
    now may not be.

    Raises:
        DataError: an episode has no costs, or some that are not finite; or no window is safe.
    """
    for index, episode in enumerate(episodes):
        if episode.costs is None:
            raise DataError(f"Episode {index} has no costs: collect from an environment that gives info['cost'].")
        if not np.isfinite(episode.costs).all():
            raise DataError(f"Episode {index} has NaN or inf among its costs: whether those steps are safe is unknown.")
    windows = WindowSet.from_episodes([episode.obs for episode in episodes], window, frame_skip)
    costly = np.concatenate([np.concatenate([[False], np.asarray(episode.costs) > 0]) for episode in episodes])
    safe = ~windows.any_step(costly)
    arrivals = windows.last > windows.first  # the window of a first observation has no cost in any case
    if not (safe & arrivals).any():
        raise DataError(
            f"None of {int(arrivals.sum())} windows of {window} steps is free of cost: collect from a safer agent, "
            f"collect more, or use a shorter window."
        )
    unsafe = windows.where(costly)
    return windows.where(safe), unsafe if len(unsafe) else None
