"""What a few known bad windows add to the loss of a normality model: L_norm + λ · L_anom."""

import torch
from jaxtyping import Float
from torch import Tensor


def hinge(error: Float[Tensor, " b"], margin: float) -> Float[Tensor, ""]:
    """Return mean max(0, margin − error): bad windows are pushed to errors above `margin`.

    >>> hinge(torch.tensor([0.25, 3.0]), margin=1.0)
    tensor(0.3750)
    """
    return torch.relu(margin - error).mean()


def inverse(error: Float[Tensor, " b"], epsilon: float = 1e-3) -> Float[Tensor, ""]:
    """Return mean 1 / (error + ε), the term of Deep SAD for labelled anomalies (Ruff et al. 2020, eq. 8).

    >>> inverse(torch.tensor([0.5]), epsilon=0.0)
    tensor(2.)
    """
    return (error + epsilon).reciprocal().mean()


def least_squares(error: Float[Tensor, " b"], target: float) -> Float[Tensor, ""]:
    """Return mean (error − target)², as the least-squares discriminator is taught (Mao et al. 2017, eq. 2).

    >>> least_squares(torch.tensor([1.0, 3.0]), target=2.0)
    tensor(1.)
    """
    return (error - target).square().mean()
