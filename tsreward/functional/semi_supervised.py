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
