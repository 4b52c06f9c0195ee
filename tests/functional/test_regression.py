"""Ridge regression from moments against least squares on the rows."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.naive import ridge_regression
from tsreward.functional.moments import mean_and_covariance, ridge_from_moments


@pytest.fixture
def rows(seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(300, 4, generator=draw) + 2
    targets = inputs @ torch.randn(4, 2, generator=draw) + 0.1 * torch.randn(300, 2, generator=draw) - 1
    return torch.cat([inputs, targets], 1)


@pytest.mark.parametrize("ridge", [1e-6, 1.0, 50.0])
def test_it_equals_least_squares(rows: Tensor, ridge: float) -> None:
    fit = ridge_from_moments(*mean_and_covariance([rows]), targets=2, ridge=ridge / len(rows))
    inputs, targets = rows[:, :4].double().numpy(), rows[:, 4:].double().numpy()
    weight, bias = ridge_regression(inputs, targets, ridge)
    np.testing.assert_allclose(fit.weight, weight, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.bias, bias, rtol=1e-6, atol=1e-8)
    residuals = targets - inputs @ weight - bias
    np.testing.assert_allclose(fit.residual_variance, residuals.var(0), rtol=1e-6)


def test_collinear_inputs_share_the_weight(rows: Tensor) -> None:
    doubled = torch.cat([rows[:, :1], rows[:, :1], rows[:, -1:]], 1)
    fit = ridge_from_moments(*mean_and_covariance([doubled]), targets=1, ridge=1e-6)
    assert fit.weight[0].item() == pytest.approx(fit.weight[1].item())
