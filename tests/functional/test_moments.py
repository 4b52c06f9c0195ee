"""Moments against numpy, and what must hold for degenerate data."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import squared_mahalanobis as naive_squared_mahalanobis
from tsreward.functional.moments import (
    OFF_CONSTANT,
    column_scales,
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
    scales = column_scales(rows, 0.01)
    torch.testing.assert_close((standardise(rows, scales, None) * scales.std + scales.mean).float(), rows)
    assert standardise(rows, scales, 0.5).abs().max() == 0.5


@pytest.mark.parametrize(
    ("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e9), (-3.0, 1e6), (1e-300, 0.0), (1e300, 0.0)]
)
def test_units_and_offsets_leave_no_trace(scale: float, offset: float) -> None:
    rows = torch.randn(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    changed = rows * scale + offset
    expected = standardise(rows, column_scales(rows, 0.01), None)
    found = standardise(changed, column_scales(changed, 0.01), None)
    torch.testing.assert_close(found, expected * math.copysign(1, scale), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.uint8])
@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e9])
def test_a_constant_column_knows_its_value_and_nothing_else(dtype: torch.dtype, value: float) -> None:
    known = torch.full((20, 1), value).to(dtype)
    scales = column_scales(known, 0.01)
    assert scales.std == 0
    rounded = known[:1].double() * (1 + 2 * torch.finfo(torch.float64).eps)
    off = torch.tensor([[1.0], [-1.0]]).double() * max(value, 1) * 1e-3
    found = standardise(torch.cat([known[:1].double(), rounded, known[:1].double() + off]), scales, None)
    assert found.flatten().tolist() == [0.0, 0.0, OFF_CONSTANT, -OFF_CONSTANT]


def test_a_value_read_in_another_precision_is_the_same_value() -> None:
    wide = torch.full((9, 1), 0.1, dtype=torch.float64)
    assert standardise(wide.float(), column_scales(wide, 0.01), None).eq(0).all()
    assert standardise(wide, column_scales(wide.float(), 0.01), None).eq(0).all()


def test_a_column_that_hardly_moves_is_not_blown_up() -> None:
    rows = torch.zeros(100_000, 1)
    rows[0] = 1.0
    assert column_scales(rows, 0.01).std == pytest.approx(0.01)
    assert column_scales(rows, 1e-6).std == pytest.approx(1e-5**0.5, rel=1e-3)
