"""Slopes of a network with respect to what it is given."""

from collections.abc import Callable

import torch
from torch import Tensor


def with_squared_slope(function: Callable[[Tensor], Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return f(x) [B] and ‖∂f/∂x‖² [B] of rows [B, ...], to be differentiated by the weights of f and of what made x.

    Rows must not see each other in f. The mean of the second is the gradient penalty on real samples of Mescheder et
    al. 2018 (R1), which Peng et al. 2021 (AMP, eq. 6) put on the expert's.

    >>> values, slopes = with_squared_slope(lambda rows: rows.square().sum(1), torch.tensor([[3.0, 4.0]]))
    >>> values.tolist(), slopes.tolist()
    ([25.0], [100.0])
    """
    with torch.enable_grad():
        inputs = rows if rows.requires_grad else rows.detach().requires_grad_()
        values = function(inputs)
        (slopes,) = torch.autograd.grad(values.sum(), inputs, create_graph=True)
        return values, slopes.flatten(1).square().sum(1)
