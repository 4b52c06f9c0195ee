"""Arrays as tensors, small tensors as values, and batches whose rows do not depend on their place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor that shares the array's memory, or a copy of it where torch cannot share (read-only, reversed).

    >>> as_tensor(np.arange(3.0)[::-1])
    tensor([2., 1., 0.], dtype=torch.float64)
    """
    if not array.flags.writeable or min(array.strides, default=0) < 0:
        array = array.copy()
    return torch.from_numpy(array)


def changes(tensor: Tensor) -> int:
    """Return how often a tensor was changed in place; -1 where that is not counted, as under inference mode.

    >>> changes(torch.zeros(1).add_(1))
    1
    """
    return -1 if tensor.is_inference() else tensor._version


class ReadOnce:
    """The value of a small tensor, read from its device once, and again when the tensor is another or was changed.

    A read makes a GPU wait for all that it was told before. Copies of this object know nothing yet.

    >>> flag, value = torch.tensor(False), ReadOnce()
    >>> value(flag), value(flag.fill_(True))
    (False, True)
    """

    def __init__(self) -> None:
        self._key: tuple[Tensor, int] | None = None
        self._value: Any = None

    def __call__(self, tensor: Tensor, read: Callable[[Tensor], Any] = Tensor.item) -> Any:
        """Return what `read`, always the same function, gives for the tensor."""
        count = changes(tensor)
        if self._key is None or self._key[0] is not tensor or self._key[1] != count or count < 0:
            self._value, self._key = read(tensor), (tensor, count)
        return self._value

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return ReadOnce, ()


def as_real(values: Tensor) -> Tensor:
    """Return numbers of any dtype in the smallest of float32 and float64 that holds them all.

    float32 and float64 stay as they are: an offset that float32 cannot hold beside small changes is kept.

    >>> as_real(torch.tensor([1, 2], dtype=torch.uint8)).dtype, as_real(torch.tensor([1, 2])).dtype
    (torch.float32, torch.float64)
    """
    return values.to(torch.promote_types(values.dtype, torch.float32) if values.dtype in _NARROW else torch.float64)


_NARROW = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32}
"""Dtypes of which float32 holds every number."""


def in_chunks(function: Callable[[Tensor], Tensor], rows: Tensor, size: int) -> Tensor:
    """Apply `function` to `rows` [B, ...] in batches of exactly `size`, the last one padded with its first row.

    >>> in_chunks(lambda rows: rows.sum(1), torch.ones(3, 2), size=2)
    tensor([2., 2., 2.])
    """
    total = len(rows)
    if total == size:
        return function(rows)
    parts = [function(_padded(chunk, size)) for chunk in rows.split(size)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts))[:total]


def _padded(chunk: Tensor, size: int) -> Tensor:
    missing = size - len(chunk)
    return torch.cat([chunk, chunk[-1:].expand(missing, *chunk.shape[1:])]) if 0 < missing < size else chunk


class WideBatches:
    """Apply functions to rows [B, ...] and give the bits that batches of `chunk` rows give, in less time.

    The order in which a matrix product adds up depends on the shape of the batch and not on its values. So the first
    rows that fill a batch of `wide` are computed both ways, and only where every bit agrees are later rows of that
    shape computed `wide` at a time. What is left over goes in batches of `chunk`.

    >>> WideBatches(wide=4)(lambda rows: rows.sum(1), torch.ones(5, 3), chunk=2)
    tensor([3., 3., 3., 3., 3.])
    """

    def __init__(self, wide: int = 128) -> None:
        self.wide = wide
        self.agrees: dict[tuple[object, ...], bool] = {}
        """Whether wide batches gave the same bits, for every kind of rows that was tried."""

    def __call__(self, function: Callable[[Tensor], Tensor], rows: Tensor, chunk: int) -> Tensor:
        """Return the results of at least one row; `function` is always the same one."""
        whole, kind = len(rows) - len(rows) % self.wide, (rows.device, rows.dtype, rows.shape[1:])
        if whole == 0 or chunk >= self.wide or self.agrees.get(kind) is False:
            return in_chunks(function, rows, chunk)
        together = in_chunks(function, rows[:whole], self.wide)
        if kind not in self.agrees:
            apart = in_chunks(function, rows[:whole], chunk)
            self.agrees[kind], together = torch.equal(together, apart), apart
        if whole == len(rows):
            return together
        return torch.cat([together, in_chunks(function, rows[whole:], chunk)])


def aligned_rows(rows: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """Return the same rows, each of which begins a whole number of 16 bytes behind the one before.

    >>> import torch
    >>> aligned_rows(torch.ones(2, 3)).stride()
    (4, 1)
    """
    width = rows.shape[1]
    return _filled(rows)[:, :width]


def row_product(rows: Float[Tensor, "b n"], matrix: Float[Tensor, "n m"]) -> Float[Tensor, "b m"]:
    """Return `rows @ matrix`, of which no row depends on its place.

    >>> import torch
    >>> row_product(torch.ones(2, 3), torch.ones(3, 1)).tolist()
    [[3.0], [3.0]]
    """
    return (aligned_rows(rows) @ _filled(matrix))[:, : matrix.shape[1]]


class FlatRows(nn.Module):
    """Windows [B, K, D] as `aligned_rows` [B, K * D]."""

    def forward(self, windows: Tensor) -> Tensor:
        return aligned_rows(windows.flatten(1))


def _filled(matrix: Tensor) -> Tensor:
    """Return the matrix with columns of zeros behind it that fill whole 16 bytes."""
    missing = -matrix.shape[1] % (16 // matrix.element_size())
    return pad(matrix, (0, missing)) if missing else matrix
