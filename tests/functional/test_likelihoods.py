"""Likelihoods against torch.distributions."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tsreward.functional.likelihoods import gaussian_kl, gaussian_nll


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
