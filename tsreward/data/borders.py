"""`Borders`: where episodes begin among rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsreward.errors import DataError


class Borders:
    """Finds the first rows of episodes, chunk after chunk."""

    def __init__(self, where: object) -> None:
        self.where = where
        self._seen: set[Any] = set()
        self._last: Any = None
        self._step = -np.inf
        self._ended = True

    def starts(
        self,
        count: int,
        episode: Sequence[Any] | np.ndarray | None = None,
        done: np.ndarray | None = None,
        step: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return which [count] of the next rows begin an episode.

        Names of episodes decide; without these, a row begins one after a row that ends one, or, where there is nothing
        else, where the number of the step does not rise.

        Raises:
            DataError: the rows of an episode do not stand together, or its steps do not rise.
        """
        starts = np.zeros(count, bool)
        if episode is not None:
            names = np.asarray(episode)
            starts[1:] = names[1:] != names[:-1]
            starts[0] = self._ended or names[0] != self._last
            for row in np.flatnonzero(starts):
                name = names[row].item() if isinstance(names[row], np.generic) else names[row]
                if name in self._seen:
                    raise DataError(
                        f"{self.where}: the rows of episode {name!r} do not stand together: sort them first."
                    )
                self._seen.add(name)
            self._last = names[-1]
            self._ended = False
        elif done is not None:
            starts[0] = self._ended
            starts[1:] = done[:-1]
            self._ended = bool(done[-1])
        elif step is not None:
            before = np.concatenate([[self._step], step[:-1]])
            starts[:] = step <= before
            starts[0] |= self._ended
            self._ended = False
        else:
            starts[0] = self._ended
            self._ended = False
        if step is not None:
            self._check_steps(step, starts)
        return starts

    def _check_steps(self, step: np.ndarray, starts: np.ndarray) -> None:
        before = np.concatenate([[self._step], step[:-1]])
        wrong = np.flatnonzero((step <= before) & ~starts)
        if len(wrong):
            row = wrong[0]
            raise DataError(
                f"{self.where}: step {step[row]:g} comes after step {before[row]:g} of the same episode: sort the "
                f"rows, name what tells episodes apart with --episode, or --ignore the column of steps."
            )
        self._step = float(step[-1])
