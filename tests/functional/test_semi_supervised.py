"""The two terms for bad windows push errors up, each in its own way."""

import pytest
import torch

from tsreward.functional.semi_supervised import hinge, inverse


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
