"""`Episode`: one run of an environment as arrays; and which of its windows are safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Unpack

import numpy as np

from tsreward.errors import DataError, ShapeError
from tsreward.functional.arrays import as_array
from tsreward.sequences.columns import Columns, ordered
from tsreward.sequences.expectation import Expectation
from tsreward.sequences.frame_rows import FrameReader
from tsreward.sequences.frames import is_frame
from tsreward.sequences.parts import are_rows, as_rows
from tsreward.sequences.row_options import RowKeywords, RowOptions
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
    columns: Columns | None = None
    """Names of the D columns of observations [T + 1, D]; None where they have none."""
    first_known: bool = True
    """False where the first observation was not recorded, and the second stands in its place."""
    starts: np.ndarray | None = None
    """[T] bool: the arrivals at which windows begin anew, behind a gap in time; None where they never do."""
    missing: np.ndarray | None = None
    """[T] bool: the arrivals some value of which was missing; NaN there is replaced by what a model expects. None where
    missing values are refused or their rows left out."""

    def __post_init__(self) -> None:
        self._as_numpy()
        if self.obs.ndim < 2 or len(self.obs) < 2:
            raise ShapeError(
                f"Episode expects observations [T + 1, *obs] of at least one step, got {list(self.obs.shape)}."
            )
        if self.columns is not None and self.obs.shape[1:] != (len(self.columns),):
            raise ShapeError(
                f"Episode has {len(self.columns)} names of columns for observations {list(self.obs.shape)}."
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

    def _as_numpy(self) -> None:
        """Take arrays of other libraries, and dicts and tuples of them as observations."""
        obs: Any = self.obs
        if isinstance(obs, (Mapping, tuple)):
            obs = as_rows(obs)
            if (names := obs.dtype.names) is not None:
                obs = np.stack([obs[name] for name in names], axis=1)
                object.__setattr__(self, "columns", Columns(names) if self.columns is None else self.columns)
        for name, values in (("obs", obs), *((name, getattr(self, name)) for name in ("rewards", "costs", "actions"))):
            if values is not None:
                object.__setattr__(self, name, as_array(values))

    def __len__(self) -> int:
        return len(self.obs) - 1

    def stretches(self) -> list[Episode]:
        """Return the episode in parts: a new one begins at each of `starts`, from what is arrived at."""
        borders = [] if self.starts is None else [int(row) for row in np.flatnonzero(self.starts) if row]
        if not borders:
            return [self]
        parts = []
        for start, stop in pairwise([0, *borders, len(self)]):
            obs = self.obs[start + 1 : stop + 1]
            given = {
                name: None if (values := getattr(self, name)) is None else values[start:stop]
                for name in ("rewards", "costs", "actions", "missing")
            }
            first = self.obs[:1] if start == 0 else obs[:1]
            parts.append(replace(self, obs=np.concatenate([first, obs]), starts=None, **given))
        return parts

    def part(self, start: int, stop: int) -> Episode:
        """Return the steps from `start` to before `stop`, as an episode that ends there."""
        given = {
            name: None if (values := getattr(self, name)) is None else values[start:stop]
            for name in ("rewards", "costs", "actions", "missing", "starts")
        }
        ended = self.terminated and stop == len(self)
        return replace(self, obs=self.obs[start : stop + 1], terminated=ended, **given)

    def in_order(self, wanted: Columns | None, who: str, where: str) -> Episode:
        """Return the episode with the columns of its observations in the order that `who` was fitted on.

        Raises:
            DataError, ShapeError: they are not these columns, see `Columns.places`.
        """
        if self.columns is None or wanted is None:
            return self
        obs = ordered(self.obs, self.columns, wanted, who, where)
        return self if obs is self.obs else replace(self, obs=obs, columns=wanted)

    def without(self, ignore: Sequence[str], where: str = "The episode") -> Episode:
        """Return the episode without some columns of its observations.

        Raises:
            DataError: it has no such column.
        """
        if not ignore:
            return self
        columns = None if self.columns is None else self.columns.without(ignore, where)
        obs = ordered(self.obs, self.columns, columns, "the rest", where, ignore)
        return replace(self, obs=obs, columns=columns)


def columns_of(episodes: Sequence[Episode]) -> tuple[Columns | None, list[Episode]]:
    """Return the names of the columns of the first episode that has some, and all episodes with columns in its order.

    Raises:
        DataError, ShapeError: an episode has other columns.
    """
    columns = next((episode.columns for episode in episodes if episode.columns is not None), None)
    aligned = [
        episode.in_order(columns, "the first episode", f"Episode {index}") for index, episode in enumerate(episodes)
    ]
    return columns, aligned


def filled(episodes: Sequence[Episode]) -> list[Episode]:
    """Return episodes in which masked values are replaced by what the complete rows of all of them let expect.

    Raises:
        DataError: there is no complete row.
    """
    if not any(episode.missing is not None and np.isnan(episode.obs).any() for episode in episodes):
        return list(episodes)
    whole = np.concatenate([episode.obs for episode in episodes])
    expected = Expectation(whole.shape[1]).fit(whole[~np.isnan(whole).any(1)])
    return [replace(episode, obs=expected.fill(episode.obs)) for episode in episodes]


def as_episodes(data: Any, **rows: Unpack[RowKeywords]) -> tuple[list[Episode], bool]:
    """Return what people have as episodes, and whether it was one alone.

    An array of T rows becomes T transitions: its first row stands in front once more, so that every row is arrived at;
    as short history repeats the first observation anyway, no window changes.

    Args:
        data: an `Episode`, an array or tensor [T, *obs] of any library, a DataFrame or another table of numbers
            (`read_frame`), whose columns keep their names, a dict of arrays [T, ...] (`as_rows`), or a list of these.
            In a list, a tuple of arrays is one episode, too.
        rows: what is done about the rows of frames and arrays, see `RowOptions`: ignore, missing, time, gap, ...

    Raises:
        DataError: something else; NaN or inf in it; columns, time stamps or missing values that `rows` refuses.
        OptionError: an unknown option of rows, or a value that cannot be.

    >>> as_episodes(np.zeros((3, 2)))[0][0].obs.shape
    (4, 2)
    """
    options = RowOptions.of(rows)
    if isinstance(data, Episode):
        return [data.without(options.ignore)], True
    if are_rows(data):
        return [_as_episode(data, options)], True
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise DataError(f"Expected an Episode, an array [T, *obs], a DataFrame or a list of these, got {_kind(data)}.")
    parts = list(data)
    return [
        part.without(options.ignore) if isinstance(part, Episode) else _as_episode(part, options) for part in parts
    ], False


def _as_episode(data: Any, options: RowOptions) -> Episode:
    if not are_rows(data) and not isinstance(data, tuple):
        raise DataError(f"Expected an Episode, an array [T, *obs] or a DataFrame in the list, got {_kind(data)}.")
    data = as_rows(data)
    if not is_frame(data) and (data.dtype.kind not in "biuf" or data.ndim < 2 or not len(data)):
        raise DataError(
            f"Expected an array [T, *obs] of numbers with T > 0 rows, got {list(data.shape)} of {data.dtype}: give "
            f"one row per step, and leave out columns that are no numbers."
        )
    rows = FrameReader(options).read(data)
    values = rows.values
    if not len(values):
        raise DataError("Expected a frame of T > 0 rows, got none.")
    starts = rows.starts if rows.starts.any() else None
    return Episode(np.concatenate([values[:1], values]), columns=rows.columns, starts=starts, missing=rows.missing)


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
    columns, episodes = columns_of(episodes)
    windows = WindowSet.from_episodes([episode.obs for episode in episodes], window, frame_skip).named(columns)
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
