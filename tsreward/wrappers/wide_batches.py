"""`WideBatches`: rows in, rows out, many at once where that changes no bit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tsreward.functional.chunks import in_chunks


class WideBatches:
    """Apply `function` to rows [B, ...] and give the bits that batches of `chunk` rows give, in less time.

    The order in which a matrix product adds up depends on the shape of the batch and not on its values. So the first
    rows that fill a batch of `wide` are computed both ways, and only where every bit agrees are later rows computed
    `wide` at a time. What is left over goes in batches of `chunk`.

    >>> WideBatches(lambda rows: rows.sum(1), chunk=2, wide=4)(torch.ones(5, 3))
    tensor([3., 3., 3., 3., 3.])
    """

    def __init__(self, function: Callable[[Tensor], Tensor], chunk: int, wide: int = 128) -> None:
        self.function, self.chunk, self.wide = function, chunk, wide
        self.agrees: bool | None = None
        """Whether wide batches gave the same bits; None before they were tried."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the results of at least one row."""
        whole = len(rows) - len(rows) % self.wide
        if whole == 0 or self.agrees is False:
            return in_chunks(self.function, rows, self.chunk)
        together = in_chunks(self.function, rows[:whole], self.wide)
        if self.agrees is None:
            apart = in_chunks(self.function, rows[:whole], self.chunk)
            self.agrees, together = torch.equal(together, apart), apart
        if whole == len(rows):
            return together
        return torch.cat([together, in_chunks(self.function, rows[whole:], self.chunk)])
