"""Moments against numpy, and what must hold for degenerate data."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import squared_mahalanobis as naive_squared_mahalanobis
from tsreward.functional.moments import (
    mean_and_covariance,
    precision_factor,
    principal_components,
    squared_mahalanobis,
    standardise,
)


@pytest.fixture
def rows(seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(200, 6, generator=draw) @ torch.randn(6, 6, generator=draw) + 1


@pytest.mark.parametrize("size", [1, 7, 200])
def test_mean_and_covariance_do_not_depend_on_batches(rows: Tensor, size: int) -> None:
    mean, covariance = mean_and_covariance(rows.split(size))
    np.testing.assert_allclose(mean, rows.double().numpy().mean(0), rtol=1e-9)
    np.testing.assert_allclose(covariance, np.cov(rows.double().numpy().T, ddof=0), rtol=1e-9)


def test_precision_factor_gives_the_mahalanobis_distance(rows: Tensor) -> None:
    mean, covariance = mean_and_covariance([rows])
    distances = squared_mahalanobis(rows, mean.float(), precision_factor(covariance, 0.0))
    expected = naive_squared_mahalanobis(rows.double().numpy(), mean.numpy(), covariance.numpy())
    np.testing.assert_allclose(distances, expected, rtol=1e-3)


@pytest.mark.parametrize("shrinkage", [0.0, 0.01, 1.0])
def test_precision_factor_exists_for_constant_and_collinear_columns(rows: Tensor, shrinkage: float) -> None:
    degenerate = torch.cat([rows, rows[:, :1], torch.zeros(len(rows), 1)], 1)
    factor = precision_factor(mean_and_covariance([degenerate])[1], shrinkage)
    assert torch.isfinite(factor).all()
    assert torch.isfinite(precision_factor(torch.zeros(3, 3, dtype=torch.float64), shrinkage)).all()


def test_principal_components_are_sorted_orthonormal_and_signed(rows: Tensor) -> None:
    covariance = mean_and_covariance([rows])[1]
    shares, directions = principal_components(covariance)
    assert shares.sum().item() == pytest.approx(1.0)
    assert (shares.diff() <= 0).all()
    torch.testing.assert_close(directions.T @ directions, torch.eye(6, dtype=torch.float64))
    scaled = directions * (shares * covariance.trace())
    torch.testing.assert_close(scaled @ directions.T, covariance)
    assert (directions.gather(0, directions.abs().argmax(0, keepdim=True)) > 0).all()


def test_principal_components_of_constant_data_are_finite() -> None:
    shares, directions = principal_components(torch.zeros(2, 2, dtype=torch.float64))
    assert torch.equal(shares, torch.zeros(2, dtype=torch.float64))
    assert torch.isfinite(directions).all()


def test_standardise_without_a_limit_is_linear(rows: Tensor) -> None:
    mean, std = rows.mean(0), rows.std(0)
    torch.testing.assert_close(standardise(rows, mean, std, None) * std + mean, rows)
    assert standardise(rows, mean, std, 0.5).abs().max() == 0.5
