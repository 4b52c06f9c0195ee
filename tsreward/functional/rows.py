"""Rows at whole 16 bytes: what a matrix product makes of a row does not depend on its place among the others then.

Kernels with few columns were measured (MKL 2024.2 on AMD) to round a row differently where it begins at another place
within 16 bytes, which rows of, say, 10 float32 do by turns, or where the columns do not fill whole 16 bytes.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad


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
