"""Least squares from means and covariances, so that the rows themselves need not be kept."""

from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor


class LinearFit(NamedTuple):
    """A linear map targets ≈ inputs @ weight + bias, and the variance that it leaves in every target."""

    weight: Float64[Tensor, "p d"]
    bias: Float64[Tensor, " d"]
    residual_variance: Float64[Tensor, " d"]


def ridge_from_moments(
    mean: Float64[Tensor, " pd"], covariance: Float64[Tensor, "pd pd"], targets: int, ridge: float
) -> LinearFit:
    """Return argmin mean ‖y − x W − b‖² + ridge · ‖W‖² for rows (x, y) whose last `targets` columns are y.

    Args:
        mean: mean of the rows.
        covariance: population covariance of the rows.
        targets: how many of the last columns are to be predicted.
        ridge: penalty above 0; a penalty on the sum of squared errors is this times the number of rows.

    >>> moments = torch.zeros(2).double(), torch.tensor([[1.0, 2.0], [2.0, 4.0]]).double()
    >>> ridge_from_moments(*moments, targets=1, ridge=1.0).weight
    tensor([[1.]], dtype=torch.float64)
    """
    inputs = len(mean) - targets
    within, across = covariance[:inputs, :inputs], covariance[:inputs, inputs:]
    penalised = within + ridge * torch.eye(inputs, dtype=torch.float64)
    weight = torch.linalg.solve(penalised, across)
    bias = mean[inputs:] - mean[:inputs] @ weight
    explained = 2 * (weight * across).sum(0) - (weight * (within @ weight)).sum(0)
    residual_variance = covariance.diagonal()[inputs:] - explained
    return LinearFit(weight, bias, residual_variance.clamp_min(0))
