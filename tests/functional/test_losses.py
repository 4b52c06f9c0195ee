"""The slope of a network, and how it depends on the weights."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from tsreward.functional.losses import gaussian_kl, gaussian_nll, hinge, inverse, with_squared_slope


def test_the_penalty_of_a_linear_map_is_its_squared_weights_and_can_be_lowered() -> None:
    layer = nn.Linear(3, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0, 2.0]]))
        values, slopes = with_squared_slope(lambda rows: layer(rows)[:, 0], torch.randn(4, 3))  # without gradients too
    assert values.shape == (4,)
    torch.testing.assert_close(slopes, torch.full((4,), 9.0))
    slopes.mean().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[2.0, 4.0, 4.0]]))


def test_the_rows_stay_as_they_are() -> None:
    rows = torch.ones(2, 3)
    with_squared_slope(lambda given: given.square().sum(1), rows)
    assert not rows.requires_grad


@pytest.fixture
def draws(seed: int) -> tuple[Tensor, ...]:
    return torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(seed)).unbind(0)


def test_nll_equals_torch(draws: tuple[Tensor, ...]) -> None:
    target, mean, log_std = draws
    expected = -Normal(mean, log_std.exp()).log_prob(target).mean(1)
    torch.testing.assert_close(gaussian_nll(target, mean, log_std), expected)


def test_kl_equals_torch(draws: tuple[Tensor, ...]) -> None:
    mean, log_variance, _ = draws
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_the_hinge_stops_at_the_margin() -> None:
    error = torch.tensor([0.2, 5.0], requires_grad=True)
    hinge(error, margin=1.0).backward()
    assert error.grad is not None
    assert error.grad.tolist() == [-0.5, 0.0]


def test_the_inverse_never_stops() -> None:
    error = torch.tensor([0.2, 5.0], requires_grad=True)
    inverse(error).backward()
    assert error.grad is not None
    assert (error.grad < 0).all()


def test_the_inverse_is_bounded_at_zero() -> None:
    assert inverse(torch.zeros(1)).item() == pytest.approx(1000.0)
