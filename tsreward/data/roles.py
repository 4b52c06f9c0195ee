"""Which role every column of a table, or array of a file, has: what the options say, else what it is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tsreward.data.columns import NORMAL, DataColumns
from tsreward.errors import DataError, nearest
from tsreward.options import flag
from tsreward.sequences.costs import COMMON

GROUPS = ("next.", "infos/", "info/")
"""What may stand before the name of a cost."""
NAMES: dict[str, tuple[str, ...]] = {
    "episode": ("episode", "episode_index", "episode_id", "episode_number", "trajectory", "trajectory_id", "traj_id"),
    "step": ("step", "step_index", "step_id", "frame_index", "timestep"),
    "reward": (
        *("original_reward", "original_rewards", "infos/original_reward"),
        *("reward", "rewards", "next.reward", "next_reward"),
    ),
    "cost": tuple(f"{group}{name}" for group in ("", *GROUPS) for name in COMMON),
    "label": ("label", "labels", "is_anomaly", *NORMAL),
}
"""Role -> names that have it where no option says otherwise, the first that is there before the others."""
TERMINALS = ("terminal", "terminals", "terminated", "terminations", "is_terminal", "next.terminated")
"""Names of what is 1 where the environment ended the episode."""
TIMEOUTS = ("timeout", "timeouts", "truncated", "truncations", "is_truncated", "next.truncated")
"""Names of what is 1 where a time limit did."""
ENDS = ("next.done", "is_last", "episode_end", "episode_ends")
"""Names of what is 1 on the last row of an episode, whoever ended it."""
DONE = ("done", "dones")
"""Names of what is 1 where the environment ended the episode, unless a time limit is told beside it."""
BOOKKEEPING = ("index", "task_index", "timestamp", "frame_index", "next.success", "subtask_index")
"""Columns of LeRobot that are none of the observation."""

_PART = r"(\[\d+\]|[._]?\d+|[./].+)?$"
_ACTION = re.compile(rf"^actions?{_PART}")
_NEXT = re.compile(rf"^next[_./](obs|observations?){_PART}")
_OBS = re.compile(rf"^(obs|observations?){_PART}")

Layout = Literal["arrival", "transition"]


@dataclass(frozen=True)
class Roles:
    """The columns of every role; those of none are in `left_out`."""

    obs: tuple[str, ...]
    layout: Layout
    next_obs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    episode: str | None = None
    step: str | None = None
    reward: str | None = None
    cost: str | None = None
    costs: tuple[str, ...] = ()
    """The columns of the cost: itself, or, of a column of lists, cost[0], cost[1], ..."""
    label: str | None = None
    time: str | None = None
    terminals: tuple[str, ...] = ()
    timeouts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    prefers_cost: bool = False
    """Whether costs, and not labels, are what an episode has for costs, where there are both."""
    decided: tuple[str, ...] = field(default=(), compare=False)
    """What was decided by names, in words; empty where nothing was."""

    @property
    def has_episodes(self) -> bool:
        """Whether the rows are steps of episodes, and not one log."""
        return bool(self.episode or self.terminals or self.timeouts or self.ends)

    @property
    def steps(self) -> bool:
        """Whether the rows are steps of an environment, whose first observation counts, and no log of sensors."""
        return self.has_episodes or self.reward is not None or bool(self.actions)

    @property
    def described(self) -> tuple[str, ...]:
        """What was decided, and what is left out by that; empty where nothing was decided."""
        if not self.decided or not self.left_out:
            return self.decided
        return (*self.decided, f"left out: {_listed(self.left_out, 4)}")

    @property
    def numbers(self) -> tuple[str, ...]:
        """All columns that are read as numbers, each once."""
        single = [name for name in (self.step, self.reward, self.label) if name is not None]
        return tuple(dict.fromkeys([*self.obs, *self.next_obs, *self.actions, *self.costs, *single, *self.done]))

    @property
    def done(self) -> tuple[str, ...]:
        """What is 1 on the last row of an episode."""
        return (*self.terminals, *self.timeouts, *self.ends)


def find_roles(
    where: object, names: Sequence[str], columns: DataColumns, index: Sequence[str] = (), arrays: bool = False
) -> Roles:
    """Return the roles of the columns of a table, or of the arrays of a file.

    Args:
        where: the file, for messages.
        names: names of all columns or arrays, in order.
        columns: what the options say.
        index: columns that hold the index of a data frame: no sensors, unless an option names them; an episode or a
            step where they are called so.
        arrays: whether these are arrays of a file, as D4RL has them, and no columns of numbers.

    Raises:
        DataError: a column that is named is missing, or none is left that could be observed.
    """
    return _Finder(where, names, columns, index, arrays).roles()


class _Finder:
    def __init__(
        self, where: object, names: Sequence[str], columns: DataColumns, index: Sequence[str], arrays: bool
    ) -> None:
        self.where, self.names, self.columns, self.arrays = where, list(names), columns, arrays
        self.there = frozenset(names)
        self.noun = "array" if arrays else "column"
        single = [getattr(columns, role) for role in ("episode", "step", "reward", "cost", "label", "time")]
        self.given = [name for name in single if name is not None]
        self.ignored = {name for one in columns.ignore for name in self._matching("ignore", one)}
        self.obs = list(dict.fromkeys(name for one in columns.obs for name in self._matching("obs", one)))
        told = {*self.obs, *self.given, *NAMES["episode"], *NAMES["step"]}
        self.index = [name for name in index if name not in told]
        for one in (*self.given, *columns.done):
            if one != columns.cost or not self._places(one):
                self._require(one)
        self.given += [] if columns.cost is None else self._places(columns.cost)
        self.lerobot = "episode_index" in self.names and any(name.startswith("observation.") for name in self.names)
        taken = {*self.given, *columns.done, *self.ignored, *self.obs, *self.index}
        self.free = [name for name in self.names if name not in taken]
        self.decided: list[str] = []

    def roles(self) -> Roles:
        columns = self.columns
        single = {role: getattr(columns, role) or self._by_name(role) for role in NAMES}
        if columns.means_normal(single["label"]):
            self.decided.append(f"{single['label']} is 1 where a row is normal (--label-means)")
        terminals, timeouts, ends = self._done()
        next_obs = self._all(_NEXT, "next observation")
        actions = self._all(_ACTION, "action")
        obs = self._observed()
        if not next_obs:
            observed = frozenset(obs)
            seen = observed.union(self.free)
            first = [name for name in obs if not (name.startswith("next_") and name[5:] in observed)]
            if first and all(f"next_{name}" in seen for name in first):
                obs, next_obs = first, [f"next_{name}" for name in first]
                self._say("next observation", next_obs)
        if not obs:
            dropped = ", ".join(dict.fromkeys([*self.index, *columns.roles])) or "the other roles"
            raise DataError(
                f"{self.where} has no {self.noun} left without {dropped}: keep at least one, or name what is observed "
                f"with --obs."
            )
        costs = () if single["cost"] is None else self._places(single["cost"])
        used = {*obs, *next_obs, *actions, *terminals, *timeouts, *ends, *single.values(), *costs, columns.time}
        left = tuple(name for name in self.names if name not in used)
        layout = self._layout(bool(next_obs), single, bool(actions or terminals or timeouts or ends))
        return Roles(
            obs=tuple(obs),
            layout=layout,
            next_obs=tuple(next_obs) if layout == "transition" else (),
            actions=tuple(actions),
            costs=costs,
            time=columns.time,
            terminals=tuple(terminals),
            timeouts=tuple(timeouts),
            ends=tuple(ends),
            left_out=left,
            prefers_cost=columns.label is None and (columns.cost is not None or single["label"] in NORMAL),
            decided=tuple(self.decided),
            **single,
        )

    def _observed(self) -> list[str]:
        """Return what is observed, of what has no other role."""
        if self.obs:
            return self.obs
        if self.lerobot:
            self.free = [name for name in self.free if name not in BOOKKEEPING]
        if found := [name for name in self.free if _OBS.match(name) and not _is_picture(name)]:
            self._say("observation", found)
            return found
        if not self.arrays:
            return list(self.free)
        raise DataError(
            f"{self.where} has no array that is called observations or obs, it has {_listed(self.names)}: name what is "
            f"observed with --obs."
        )

    def _layout(self, has_next: bool, single: dict[str, str | None], acted: bool) -> Layout:
        if self.columns.layout is not None:
            return self.columns.layout
        hints = [name for name in (single["reward"], *self._ends_named) if name and name.startswith("next")]
        steps = acted or single["reward"] is not None or single["cost"] is not None
        if has_next or hints or self.lerobot or (self.arrays and steps):
            self.decided.append("a row holds the observation that its transition starts from (--layout transition)")
            return "transition"
        if single["episode"] or single["reward"] or self._ends_named:
            self.decided.append("a row holds the observation that its transition arrives at (--layout arrival)")
        return "arrival"

    def _by_name(self, role: str) -> str | None:
        many = role == "cost"  # what becomes of several is said by options
        listed = {name[:-3]: name for name in self.free if name.endswith("[0]") and (many or self._alone(name))}
        found = [name for name in NAMES[role] if name in self.free or name in listed]
        taken = {place for name in found for place in self._places(name)}
        self.free = [name for name in self.free if name not in taken]
        if not found or (role == "label" and self.columns.label_intervals is not None):
            return None
        self._say(role, found[:1])
        if role == "cost" and found[1:]:
            self.decided[-1] += f" (not {_listed(found[1:], 4)}: --cost chooses)"
        return found[0] if many or found[0] in self.names else listed[found[0]]

    def _alone(self, name: str) -> bool:
        """Tell whether this is the first and only place of a column of lists."""
        return f"{name.removesuffix('[0]')}[1]" not in self.there

    def _places(self, name: str) -> tuple[str, ...]:
        """Return a column itself, or the places of a column of lists."""
        return (name,) if name in self.there else tuple(one for one in self.names if _is_place(one, name))

    def _done(self) -> tuple[list[str], list[str], list[str]]:
        """Return what tells of ends by the environment, by a time limit, and by either."""
        found = list(self.columns.done)
        if not found:
            known = (*TERMINALS, *TIMEOUTS, *ENDS, *DONE)
            found = [name for name in self.free if _whole(name) in known and self._alone(name)]
            self._say("end of an episode", found)
        self._ends_named = found
        self.free = [name for name in self.free if name not in found]
        timeouts = [name for name in found if _whole(_last(name)) in TIMEOUTS]
        ends = [name for name in found if _whole(name) in ENDS]
        terminals = [name for name in found if name not in (*timeouts, *ends)]
        return terminals, timeouts, ends

    def _all(self, pattern: re.Pattern[str], role: str) -> list[str]:
        found = [name for name in self.free if pattern.match(name)]
        self.free = [name for name in self.free if not pattern.match(name)]
        self._say(role, found)
        return found

    def _matching(self, option: str, one: str) -> list[str]:
        """Return the columns that an option means: the one of that name, else all that begin so (obs), or are parts."""
        if one in self.there:
            return [one]
        starts = (one,) if option == "obs" else (f"{one}[", f"{one}.", f"{one}/")
        found = [name for name in self.names if name.startswith(starts)]
        if not found:
            self._require(one, option)
        return found

    def _require(self, name: str, option: str = "") -> None:
        if name in self.there:
            return
        near = nearest(name, self.names)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        by = f" Name others with {flag(option)}." if option else ""
        raise DataError(f"{self.where} has no {self.noun} '{name}': it has {_listed(self.names)}.{hint}{by}")

    def _say(self, role: str, found: Sequence[str]) -> None:
        if found:
            self.decided.append(f"{role}: {_listed(found, 4)}")


def _last(name: str) -> str:
    """Return the name of an array in its group.

    >>> _last("infos/timeouts")
    'timeouts'
    """
    return name.rpartition("/")[2]


def _whole(name: str) -> str:
    """Return the column that a first place is of.

    >>> _whole("next.done[0]")
    'next.done'
    """
    return name.removesuffix("[0]")


def _is_place(name: str, column: str) -> bool:
    """Tell whether a name is that of a place in a column of lists.

    >>> _is_place("cost[1]", "cost"), _is_place("cost", "cost")
    (True, False)
    """
    return name.startswith(f"{column}[") and name.endswith("]") and name[len(column) + 1 : -1].isdigit()


def _is_picture(name: str) -> bool:
    return ".image" in name


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
