"""Arrays [E, T, ...] of E episodes, one in each row, as arrays of rows of each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsreward.data.roles import Roles
from tsreward.errors import DataError

LENGTHS = ("lengths", "length", "episode_lengths", "episode_length", "seq_lengths", "seq_lens")
"""Names of arrays [E] of how many steps each episode has."""
Stacked = Literal["episodes", "steps"]


@dataclass(frozen=True)
class Stack:
    """Arrays by name, [E, T, ...] or [E, T + 1, ...], and how many steps [E] of each row are used."""

    arrays: dict[str, np.ndarray]
    lengths: np.ndarray
    steps: int
    """T."""
    axes: Stacked

    @property
    def decided(self) -> str:
        """What was decided, in words."""
        rows = "row" if self.axes == "episodes" else "column"
        cut = (
            f", of which {int((self.lengths < self.steps).sum())} are shorter"
            if self.lengths.min() < self.steps
            else ""
        )
        return f"one episode in each of {len(self.lengths)} {rows}s{cut} (--stacked {self.axes})"

    def episode(self, index: int) -> dict[str, np.ndarray]:
        """Return the rows of all arrays in one episode."""
        length = int(self.lengths[index])
        return {name: rows[index, : length + rows.shape[1] - self.steps] for name, rows in self.arrays.items()}

    def put_together(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """Return rewards of the steps of all episodes as one array, 0 behind their ends."""
        whole = np.zeros((len(parts), self.steps))
        for row, part in zip(whole, parts, strict=True):
            row[: len(part)] = part
        return whole if self.axes == "episodes" else whole.T.copy()


def is_stacked(shape: Callable[[str], tuple[int, ...]], roles: Roles, axes: Stacked | None) -> bool:
    """Tell whether arrays of a file hold episodes in their rows: as told, or as their shapes say.

    They do where observations are [E, T, ...] or [E, T + 1, ...], and rewards, labels, ends or numbers of steps [E, T].
    """
    if axes is not None:
        return True
    obs, beside = shape(roles.obs[0]), _beside(roles)
    return len(obs) > 2 and beside is not None and _goes_with(obs, shape(beside))


def read_stack(
    where: object, names: Sequence[str], read: Callable[[str], np.ndarray], roles: Roles, axes: Stacked | None
) -> Stack:
    """Return the episodes of stacked arrays.

    An episode ends where `LENGTHS` say; else at its first end, where the rows behind it are all alike; else before rows
    of NaN.

    Raises:
        DataError: rows go on behind an end, and nothing says how; or other shapes.
    """
    found = {name: _turned(read(name), axes) for name in names}
    obs, beside = found[roles.obs[0]], _beside(roles)
    telling = [found[name] for name in (beside, roles.obs[0]) if name is not None]
    steps = next((values.shape[1] for values in telling if values.ndim > 1), 0)
    fits = {
        name: values.shape[:1] == obs.shape[:1] and values.shape[1:2] in ((steps,), (steps + 1,))
        for name, values in found.items()
    }
    needed = (*roles.obs, *roles.next_obs, *roles.done, roles.reward, roles.cost, roles.label, roles.step)
    if wrong := [name for name in needed if name is not None and not fits[name]]:
        raise DataError(
            f"{where}: '{wrong[0]}' {list(found[wrong[0]].shape)} is not stacked as '{roles.obs[0]}' {list(obs.shape)} "
            f"is: leave it out with --ignore, name what is observed with --obs, or leave --stacked out."
        )
    counts = next(
        (found[name] for name in LENGTHS if name in found and _are_lengths(found[name], len(obs), steps)), None
    )
    if counts is not None:
        lengths = counts.astype(np.int64)
    else:
        done = [found[name].reshape(len(obs), -1)[:, :steps] != 0 for name in roles.done]
        ended = np.logical_or.reduce(done) if done else None
        lengths = np.array([_length(where, row, obs, steps, ended, axes) for row in range(len(obs))])
    return Stack({name: found[name] for name in names if fits[name]}, lengths, steps, axes or "episodes")


def _beside(roles: Roles) -> str | None:
    """Return an array that has one value for each step."""
    return next((name for name in (roles.reward, roles.label, *roles.done, roles.step) if name is not None), None)


def _turned(values: np.ndarray, axes: Stacked | None) -> np.ndarray:
    return values.swapaxes(0, 1) if axes == "steps" and values.ndim > 1 else values


def _goes_with(obs: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Tell whether there is one value for each step of stacked observations, which may have one step more.

    >>> _goes_with((5, 9, 3), (5, 8)), _goes_with((5, 9, 3), (5,))
    (True, False)
    """
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,)):
        return False
    return shape[1] > 1 and shape[0] == obs[0] and obs[1] - shape[1] in (0, 1)


def _are_lengths(values: np.ndarray, episodes: int, steps: int) -> bool:
    if values.shape != (episodes,) or values.dtype.kind not in "iu":
        return False
    return bool(values.min() >= 1 and values.max() <= steps)


def _length(
    where: object, row: int, obs: np.ndarray, steps: int, ended: np.ndarray | None, axes: Stacked | None
) -> int:
    """Return how many steps of an episode are used: up to its end, or to what was filled up behind it."""
    seen = obs[row].reshape(obs.shape[1], -1)
    if seen.dtype.kind == "f" and (empty := np.isnan(seen).all(1)).any() and not empty.all():
        last = int(np.flatnonzero(~empty)[-1]) + 1 - (obs.shape[1] - steps)
        if last < steps:
            return max(1, last)
    if ended is None or not ended[row, :-1].any():
        return steps
    end = int(np.argmax(ended[row])) + 1
    behind, flags = seen[end + obs.shape[1] - steps :], ended[row, end:]
    if np.array_equal(behind, np.broadcast_to(behind[:1], behind.shape)) and (flags == flags[0]).all():
        return end
    if axes is None:
        raise DataError(
            f"{where}: row {row + 1} goes on behind the end of an episode at step {end - 1}: say how arrays "
            f"{list(obs.shape[:2])} are stacked, --stacked episodes where other episodes follow in the row, --stacked "
            f"steps where each row is one step of several environments."
        )
    return steps
