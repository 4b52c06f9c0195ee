"""What the agent remembers: where it was, what it had answered before, and whether the episode ended there."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Transitions(NamedTuple):
    """B transitions. Positions stand for windows, and rewards follow from them: a label that comes later counts."""

    positions: Tensor
    """Windows [B] that were judged; the next one in the set follows."""
    flags: Tensor
    """Previous answers [B] in their states."""
    done: Tensor
    """Whether [B] nothing follows."""


class Replay:
    """The last `size` transitions.

    >>> replay = Replay(size=3)
    >>> for position in (1, 2, 3, 4):
    ...     replay.add(Transitions(torch.tensor([position]), torch.zeros(1), torch.tensor([False])))
    >>> sorted(replay.all().positions.tolist())
    [2, 3, 4]
    """

    def __init__(self, size: int, device: torch.device | str = "cpu") -> None:
        self.size, self.filled, self._next = size, 0, 0
        self._positions = torch.zeros(size, dtype=torch.long, device=device)
        self._flags = torch.zeros(size, device=device)
        self._done = torch.zeros(size, dtype=torch.bool, device=device)

    def add(self, new: Transitions) -> None:
        """Remember transitions, in the place of the oldest."""
        new = Transitions(*(part[-self.size :] for part in new))
        rows = (torch.arange(len(new.positions), device=new.positions.device) + self._next) % self.size
        self._positions[rows], self._flags[rows], self._done[rows] = new
        self._next = (self._next + len(rows)) % self.size
        self.filled = min(self.size, self.filled + len(rows))

    def all(self) -> Transitions:
        """Return everything that is remembered."""
        return self.at(torch.arange(self.filled, device=self._positions.device))

    def at(self, rows: Tensor) -> Transitions:
        """Return the transitions in these places."""
        return Transitions(self._positions[rows], self._flags[rows], self._done[rows])
