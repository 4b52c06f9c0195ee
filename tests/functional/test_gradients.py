"""The slope of a network, and how it depends on the weights."""

import torch
from torch import nn

from tsreward.functional.gradients import with_squared_slope


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
