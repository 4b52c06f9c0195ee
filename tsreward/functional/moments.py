"""Mean, spread and covariance of normal data, and squared distances measured in them."""

import torch
from jaxtyping import Float
from torch import Tensor


def standardise(
    rows: Float[Tensor, "*b d"], mean: Float[Tensor, " d"], std: Float[Tensor, " d"], clip: float | None
) -> Float[Tensor, "*b d"]:
    """Return (rows − mean) / std, limited to ±`clip`.

    >>> standardise(torch.tensor([[3.0]]), torch.tensor([1.0]), torch.tensor([0.5]), clip=3.0)
    tensor([[3.]])
    """
    scaled = (rows - mean) / std
    return scaled if clip is None else scaled.clamp(-clip, clip)


def precision_factor(rows: Float[Tensor, "n d"], shrinkage: float) -> Float[Tensor, "d d"]:
    """Return W with W Wᵀ the inverse covariance of `rows`, so that ‖(x − μ) W‖² is the squared Mahalanobis distance.

    The covariance is shrunk towards a multiple of the identity (Ledoit & Wolf 2004, with a fixed share `shrinkage`),
    so the factor exists for constant and for collinear columns.
    """
    rows = rows.double()
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / max(1, len(rows) - 1)
    level = covariance.diagonal().mean().clamp_min(1e-12)
    covariance = (1 - shrinkage) * covariance + shrinkage * level * torch.eye(rows.shape[1], dtype=torch.float64)
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors / values.clamp_min(1e-9 * float(level)).sqrt()).float()


def squared_mahalanobis(
    rows: Float[Tensor, "b d"], mean: Float[Tensor, " d"], factor: Float[Tensor, "d d"]
) -> Float[Tensor, " b"]:
    """Return ‖(x − μ) W‖² for every row.

    >>> squared_mahalanobis(torch.tensor([[3.0, 0.0]]), torch.zeros(2), torch.eye(2))
    tensor([9.])
    """
    return ((rows - mean) @ factor).square().sum(-1)
