"""`Shards`: sets of windows that are read one after the other, where memory does not hold all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from tsreward.errors import DataError
from tsreward.functional.seeding import generator
from tsreward.sequences.windows import WindowSet

BLOCK = 256
"""Windows that follow each other in a sample."""


class Shards(Sequence[WindowSet]):
    """Sets of windows, each of which is read again every time that it is looked at.

    Args:
        number: how many there are.
        read: returns the set at a place, 0 to number - 1.
    """

    def __init__(self, number: int, read: Callable[[int], WindowSet]) -> None:
        self._number, self._read = number, read

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, place: int) -> WindowSet:  # type: ignore[override] - no slices
        if not 0 <= place < self._number:
            raise IndexError(place)
        return self._read(place)

    def map(self, function: Callable[[WindowSet], WindowSet]) -> Shards:
        """Return the same shards, each given to a function as it is read."""
        return Shards(self._number, lambda place: function(self._read(place)))

    def split(self, fraction: float, seed: int) -> tuple[Shards, Shards]:
        """Return (the rest in order, `fraction` of the shards, one at least, as they are drawn).

        Raises:
            DataError: fewer than two shards.
        """
        if self._number < 2:
            raise DataError(f"Holding a shard out takes two or more, got {self._number}: cut the data into more files.")
        order = torch.randperm(self._number, generator=generator(seed)).tolist()
        cut = min(self._number - 1, max(1, round(fraction * self._number)))
        return self._at(sorted(order[cut:])), self._at(order[:cut])

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all windows in order, `size` at a time or fewer."""
        for shard in self:
            yield from shard.batches(size)

    def sample(self, most: int, seed: int) -> WindowSet:
        """Return about `most` windows, drawn from all shards in blocks, one at least of each; all there are of fewer.

        Reads every shard twice: once to count.
        """
        total = sum(map(len, self))
        noise = generator(seed)
        return WindowSet.concat([shard.blocks(min(1.0, most / max(total, 1)), BLOCK, noise) for shard in self])

    def _at(self, places: list[int]) -> Shards:
        return Shards(len(places), lambda place: self._read(places[place]))
