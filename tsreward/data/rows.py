"""Rows that have roles become episodes: where they begin and end, and which observation a row holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from tsreward.data.borders import Borders
from tsreward.data.roles import Layout
from tsreward.errors import DataError, ShapeError
from tsreward.sequences.columns import Columns
from tsreward.sequences.episodes import Episode

Tell = Callable[[str], object]
"""What takes a line about how data were read."""


@dataclass(frozen=True)
class RowData:
    """N rows of one file, in order."""

    obs: np.ndarray
    """[N, *obs] or, of one episode that has its last observation too, [N + 1, *obs]."""
    layout: Layout = "arrival"
    next_obs: np.ndarray | None = None
    """[N, *obs], where the row holds both observations of its transition."""
    rewards: np.ndarray | None = None
    costs: np.ndarray | None = None
    """[N]; labels of 0 and 1 where a log has these."""
    actions: np.ndarray | None = None
    """[N, *action]."""
    episode: Sequence[Any] | np.ndarray | None = None
    """[N], the name of the episode of every row."""
    step: np.ndarray | None = None
    """[N], the number of every row in its episode."""
    terminals: np.ndarray | None = None
    """[N] bool: the environment ended the episode at the row."""
    timeouts: np.ndarray | None = None
    """[N] bool: a time limit did."""
    ends: np.ndarray | None = None
    """[N] bool: the episode ends at the row, whoever ended it."""
    columns: Columns | None = None
    """Names of the columns of observations [N, D]."""
    starts: np.ndarray | None = None
    """[N] bool: the rows that begin an episode; None finds them by the names, ends and numbers of steps."""
    breaks: np.ndarray | None = None
    """[N] bool: the rows behind a gap in time, at which windows begin anew."""
    missing: np.ndarray | None = None
    """[N] bool: the rows some value of which was filled in or is masked."""
    before: int = 0
    """Rows of the file above these; messages count them."""
    begun: int = 0
    """Episodes above these; those without names are counted on from there."""
    steps: bool = True
    """Whether the rows are steps of an environment, whose first observation is missing where rows are arrivals."""

    def is_reset(self, row: int) -> bool:
        """Tell whether the first row of an episode holds what its reset gave: nothing was paid for arriving there."""
        paid = self.costs if self.rewards is None else self.rewards
        return self.layout == "arrival" and paid is not None and paid.dtype.kind == "f" and bool(np.isnan(paid[row]))


@dataclass
class Reading:
    """Episodes of one file and how they came about."""

    episodes: list[Episode] = field(default_factory=list)
    names: list[Any] = field(default_factory=list)
    """What each of them is called in the file."""
    skipped: dict[Any, str] = field(default_factory=dict)
    """Episodes that were left out, and why."""
    notes: list[str] = field(default_factory=list)
    """What was decided, in words."""
    parts: list[slice] = field(default_factory=list)
    """The rows of each of them, where they are of rows."""
    count: int | None = None
    """Number of rows, where it is not that of the observations."""
    stamps: list[str] | None = None
    """Time stamps of the steps of all episodes, as they stand in the file; None where no column has them."""

    def add(self, name: Any, make: Callable[[], Episode | None], skip: bool, part: slice | None = None) -> None:
        """Take the episode that a function makes; with `skip`, one that cannot be used is left out and noted.

        Raises:
            DataError: it cannot be used; the message names --skip-bad-episodes.
        """
        try:
            episode = make()
        except (DataError, ShapeError) as error:
            if not skip:
                raise DataError(f"{str(error).rstrip('.')}: --skip-bad-episodes leaves it out.") from error
            self.skipped[name] = str(error)
            return
        if episode is not None:
            self.episodes.append(episode)
            self.names.append(name)
            self.parts += [] if part is None else [part]

    def join(self, name: Any, make: Callable[[], Reading], skip: bool) -> None:
        """Take all episodes of a part of the data, such as a file of a folder, as `add` takes one.

        Raises:
            DataError: the part cannot be used.
        """
        try:
            part = make()
        except (DataError, ShapeError) as error:
            if not skip:
                raise
            self.skipped[name] = str(error)
            return
        self.episodes += part.episodes
        self.names += [name] if len(part.episodes) == 1 else [f"{name}, {one}" for one in part.names]
        self.skipped |= {f"{name}, {one}": reason for one, reason in part.skipped.items()}

    def finish(self, where: object) -> Reading:
        """Note what was left out.

        Raises:
            DataError: no episode is left.
        """
        if self.skipped:
            shown = "; ".join(f"{name} ({reason})" for name, reason in list(self.skipped.items())[:5])
            more = f"; and {len(self.skipped) - 5} more" if len(self.skipped) > 5 else ""
            total = len(self.skipped) + len(self.episodes)
            self.notes.append(f"left out {len(self.skipped)} of {total} episodes: {shown}{more}")
        if not self.episodes:
            raise DataError(
                f"{where} has no episode that can be used{': ' if self.notes else ''}{'; '.join(self.notes)}."
            )
        return self


def read_rows(where: object, rows: RowData, skip_bad: bool = False, repeat_last: bool = False) -> Reading:
    """Return the episodes of rows as `part_rows` does, all of a file.

    Raises:
        DataError: as `part_rows`, or no episode can be used.
    """
    return part_rows(where, rows, skip_bad, repeat_last).finish(where)


def part_rows(where: object, rows: RowData, skip_bad: bool = False, repeat_last: bool = False) -> Reading:
    """Return the episodes of rows, of all of a file or of a part that begins and ends with whole ones.

    Of arrivals, the first observation of every episode is missing, and its first row stands in front once more: no
    window of short history changes by that, but for the steps whose window would hold the missing one. Where the first
    row has no reward (NaN; no cost where there are no rewards), it is the observation of the reset. Of transitions
    without their second observation, the last one of every episode has none to arrive at, and is left out.

    Args:
        where: the file, for messages.
        rows: all of its rows.
        skip_bad: whether to leave out episodes that cannot be used, and note them.
        repeat_last: whether the last of such transitions arrives where it began, so that every row has one.

    Raises:
        DataError: parts of other lengths, rows out of order, or an episode that cannot be used.
    """
    count, rows = len(rows.obs), _without_reset(rows)
    others = {name: values for name in _PARTS if (values := getattr(rows, name)) is not None}
    if whole := others and all(len(values) == count - 1 for values in others.values()):
        count -= 1
    for name, values in others.items():
        if len(values) != count:
            raise DataError(
                f"{where} has {len(rows.obs)} observations, but {len(values)} rows of {name}: give every row both, or "
                f"--ignore what belongs to something else."
            )
    ended = [flags for flags in (rows.terminals, rows.timeouts, rows.ends) if flags is not None]
    done = np.logical_or.reduce(ended) if ended else None
    starts = Borders(where).starts(count, rows.episode, done, rows.step) if rows.starts is None else rows.starts[:count]
    reading = Reading()
    if whole:
        return _whole(where, rows, starts, skip_bad)
    if rows.layout == "transition" and rows.next_obs is not None:
        starts = _with_breaks(where, rows, starts, reading)
    borders = [*np.flatnonzero(starts), count]
    counted = range(rows.begun, rows.begun + len(borders) - 1)
    names = counted if rows.episode is None else [rows.episode[row] for row in borders[:-1]]
    short = resets = 0
    for name, (start, stop) in zip(names, pairwise(borders), strict=True):
        made = _Part(where, rows, name, int(start), int(stop), repeat_last)
        short += made.is_short
        reading.add(name, made.episode, skip_bad, slice(int(start) + made.is_reset, int(stop)))
        resets += made.is_reset
    if rows.layout == "transition" and rows.next_obs is None and not repeat_last:
        reading.notes.append("the last row of every episode has no observation to arrive at, and is left out")
    if resets:
        reading.notes.append(f"the first rows of {resets} episodes pay nothing and are their resets")
    if short:
        reading.notes.append(f"left out {short} episodes of a single row")
    return reading


def _without_reset(rows: RowData) -> RowData:
    """Return rows without the cost of the reset, which infos of Minari have beside every observation."""
    steps = next((len(values) for values in (rows.rewards, rows.actions, rows.terminals) if values is not None), None)
    if rows.costs is None or steps is None or not len(rows.costs) == len(rows.obs) == steps + 1:
        return rows
    return replace(rows, costs=rows.costs[1:])


_PARTS = ("next_obs", "rewards", "costs", "actions", "episode", "step", "terminals", "timeouts", "ends")


@dataclass(frozen=True)
class _Part:
    """The rows from `start` up to but without `stop` are one episode."""

    where: object
    rows: RowData
    name: Any
    start: int
    stop: int
    repeat_last: bool = False

    @property
    def is_reset(self) -> bool:
        return self.rows.is_reset(self.start)

    @property
    def is_short(self) -> bool:
        if self.is_reset and self.stop - self.start < 2:
            return True
        alone = self.stop - self.start < 2 and not self.repeat_last
        return alone and self.rows.layout == "transition" and self.rows.next_obs is None

    def episode(self) -> Episode | None:
        rows, part = self.rows, slice(self.start, self.stop)
        if self.is_short:
            return None
        obs = rows.obs[part]
        if self.is_reset:
            part = slice(self.start + 1, self.stop)
        elif rows.layout == "arrival":
            obs = np.concatenate([obs[:1], obs])
        elif rows.next_obs is not None:
            obs = np.concatenate([obs, rows.next_obs[self.stop - 1 : self.stop]])
        elif self.repeat_last:
            obs = np.concatenate([obs, obs[-1:]])
        else:
            part = slice(self.start, self.stop - 1)
        episode = Episode(
            obs,
            **{name: None if (values := getattr(rows, name)) is None else values[part] for name in _KEPT},
            terminated=self._terminated,
            columns=rows.columns,
            starts=self._arrivals(rows.breaks, len(obs) - 1),
            missing=self._arrivals(rows.missing, len(obs) - 1),
            first_known=rows.layout != "arrival" or not rows.steps or self.is_reset,
        )
        check_finite(episode, f"{self.where}: episode {self.name}")
        return episode

    def _arrivals(self, flags: np.ndarray | None, steps: int) -> np.ndarray | None:
        """Return flags [T] of arrivals from flags [N] of rows; None where none is set."""
        if flags is None:
            return None
        late = int(self.rows.layout == "transition" or self.is_reset)
        own = flags[self.start + late : self.start + late + steps]
        own = np.concatenate([own, np.zeros(steps - len(own), dtype=bool)])
        return own if own.any() or flags is self.rows.missing else None

    @property
    def _terminated(self) -> bool:
        last, rows = self.stop - 1, self.rows
        return bool(
            rows.terminals is not None
            and rows.terminals[last]
            and not (rows.timeouts is not None and rows.timeouts[last])
        )


_KEPT = ("rewards", "costs", "actions")


def _whole(where: object, rows: RowData, starts: np.ndarray, skip_bad: bool) -> Reading:
    """Return the one episode of rows that have their last observation too."""
    if starts[1:].any():
        raise DataError(
            f"{where} has {len(rows.obs)} observations for {len(starts)} steps, but several episodes: give every row "
            f"one observation, and the last one of an episode as next_observations."
        )

    def make() -> Episode:
        terminated = rows.terminals is not None and bool(rows.terminals[-1])
        episode = Episode(
            rows.obs, **{name: getattr(rows, name) for name in _KEPT}, terminated=terminated, columns=rows.columns
        )
        check_finite(episode, f"{where}: episode 0")
        return episode

    reading = Reading(count=len(starts))
    reading.add(0, make, skip_bad, slice(0, len(starts)))
    return reading


def _with_breaks(where: object, rows: RowData, starts: np.ndarray, reading: Reading) -> np.ndarray:
    """Return where episodes begin, also where a row does not begin with the observation that the one before ended with.

    Raises:
        DataError: most rows do not follow each other.
    """
    assert rows.next_obs is not None
    axes = tuple(range(1, rows.obs.ndim))
    close = np.isclose(rows.obs[1:], rows.next_obs[:-1], rtol=1e-4, atol=1e-6, equal_nan=True)
    follows = np.asarray(close.all(axis=axes))
    breaks = ~follows & ~starts[1:]
    count = int(breaks.sum())
    if not count:
        return starts
    if count > 0.5 * len(follows):
        raise DataError(
            f"{where}: the next observation of {count} of {len(follows)} rows is not the observation of the row below, "
            f"so the rows are shuffled or of other layout: sort them, or leave the next observations out with --ignore."
        )
    if rows.episode is not None:
        row = rows.before + int(np.argmax(breaks))
        raise DataError(
            f"{where}: the next observation of row {row + 1} is not the observation of row {row + 2} of the same "
            f"episode: rows are missing; leave the next observations out with --ignore, or correct the episodes' names."
        )
    reading.notes.append(
        f"{count} more episodes begin where a row does not follow the one above, which nothing else tells"
    )
    starts = starts.copy()
    starts[1:] |= breaks
    return starts


def check_finite(episode: Episode, where: str) -> None:
    """Refuse an episode with NaN or inf in it; `where` names it.

    Raises:
        DataError: with the part and the step.
    """
    for name in ("obs", "rewards", "costs"):
        values = getattr(episode, name)
        if values is None or values.dtype.kind != "f":
            continue
        finite = np.isfinite(values)
        if name == "obs" and episode.missing is not None:
            finite |= np.isnan(values)  # masked
        if finite.all():
            continue
        bad = int(np.flatnonzero(~finite.reshape(len(values), -1).all(1))[0])
        title = "observations" if name == "obs" else name
        zero = ", say --cost-missing zero" if name == "costs" else ""
        raise DataError(f"{where} holds NaN or inf in its {title} at step {bad}{zero}: drop that episode")


def tell_reading(where: object, decided: Sequence[str], reading: Reading, tell: Tell | None) -> None:
    """Say in one line what was decided about a file; nothing where nothing was."""
    if tell is not None and (decided or reading.notes):
        what = f"{len(reading.episodes)} {'episode' if len(reading.episodes) == 1 else 'episodes'}"
        tell(f"{where}: {'; '.join([*decided, *reading.notes])}; {what}.")
