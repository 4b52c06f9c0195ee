"""`Expectation`: what the values that are there in a row let expect of those that are missing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tsreward.errors import DataError
from tsreward.functional.tensors import as_tensor

MAX_DIM = 512
"""Columns up to which relations between columns are learned; beyond, every value is expected at its mean."""
_ROWS, _RIDGE, _BATCH = 20_000, 1e-6, 256


class Expectation(nn.Module):
    """Linear relations of D columns in normal rows, by which missing values are replaced.

    A missing value becomes its expectation given the values that its row has, by linear regression on normal rows; in
    a row without any value, the mean. Where columns depend on each other linearly, such a row is as strange as the
    values that it has; what is wrong with the missing sensor itself, or a relation that is not linear, is not seen.
    """

    mean: Tensor
    """[D] float64."""
    scale: Tensor
    """[D] float64, the standard deviation; 1 for a column that is constant."""
    correlation: Tensor
    """[D, D] float64; empty with more than `MAX_DIM` columns."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        side = dim if dim <= MAX_DIM else 0
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(dim, dtype=torch.float64))
        self.register_buffer("correlation", torch.zeros(side, side, dtype=torch.float64))

    @torch.no_grad()
    def fit(self, rows: Tensor | np.ndarray) -> Expectation:
        """Learn from normal rows [N, D] of finite numbers, at most 20,000 of them, evenly spread.

        Raises:
            DataError: no rows.
        """
        rows = rows if isinstance(rows, Tensor) else as_tensor(rows)
        if not len(rows):
            raise DataError("No row has all its values, so nothing says what to expect of missing ones.")
        rows = rows[:: -(-len(rows) // _ROWS)].to("cpu", torch.float64)
        self.mean.copy_(rows.mean(0))
        centred = rows - self.mean
        scale = centred.square().mean(0).sqrt()
        self.scale.copy_(torch.where(scale > 0, scale, 1.0))
        if len(self.correlation):
            centred /= self.scale
            self.correlation.copy_(centred.T @ centred / len(rows))
        return self

    def fill(self, rows: np.ndarray) -> np.ndarray:
        """Return rows [T, D] in which missing values (NaN) are replaced; no row depends on the others.

        >>> rows = np.stack([np.arange(9.0), 10 * np.arange(9.0)], axis=1)
        >>> Expectation(2).fit(rows).fill(np.array([[2.0, np.nan], [np.nan, np.nan]])).round(3)
        array([[ 2., 20.],
               [ 4., 40.]])
        """
        lacks = np.isnan(rows)
        wrong = np.flatnonzero(lacks.any(1))
        if not len(wrong):
            return rows
        filled = rows.astype(np.float64)
        mean, scale = self.mean.numpy(), self.scale.numpy()
        patterns, which = np.unique(lacks[wrong], axis=0, return_inverse=True)
        for number, absent in enumerate(patterns):
            weights = self._weights(absent)
            places = wrong[which.ravel() == number]
            for batch in np.split(places, range(_BATCH, len(places), _BATCH)):
                there = (filled[np.ix_(batch, ~absent)] - mean[~absent]) / scale[~absent]
                # Summed column by column: a matrix product would depend on the rows beside.
                expected = (there[:, :, None] * weights).sum(1)
                filled[np.ix_(batch, absent)] = mean[absent] + scale[absent] * expected
        return filled.astype(rows.dtype, copy=False)

    def _weights(self, absent: np.ndarray) -> np.ndarray:
        """Return weights [present, absent] of standardised values."""
        if not len(self.correlation) or absent.all():
            return np.zeros((int((~absent).sum()), int(absent.sum())))
        correlation = self.correlation.numpy()
        among = correlation[np.ix_(~absent, ~absent)] + _RIDGE * np.eye(int((~absent).sum()))
        return np.linalg.solve(among, correlation[np.ix_(~absent, absent)])
