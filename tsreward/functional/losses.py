"""Losses: Gaussian likelihoods, terms for negatives, and the gradient penalty."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def gaussian_nll(
    target: Float[Tensor, "b d"], mean: Float[Tensor, "b d"], log_std: Float[Tensor, "b d"]
) -> Float[Tensor, " b"]:
    """Return −ln N(target; mean, std²) averaged over the D columns, in nats per column.

    >>> gaussian_nll(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor([0.9189])
    """
    return gaussian_nll_parts(target, mean, log_std).mean(-1)


def gaussian_nll_parts(
    target: Float[Tensor, "b d"], mean: Float[Tensor, "b d"], log_std: Float[Tensor, "b d"]
) -> Float[Tensor, "b d"]:
    """Return −ln N(target; mean, std²) of each of the D columns, in nats.

    >>> gaussian_nll_parts(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor([[0.9189, 0.9189]])
    """
    scaled = (target - mean) * torch.exp(-log_std)
    return 0.5 * scaled.square() + log_std + 0.5 * math.log(2 * math.pi)


def gaussian_kl(mean: Float[Tensor, "b z"], log_variance: Float[Tensor, "b z"]) -> Float[Tensor, " b"]:
    """Return KL[N(mean, variance) ‖ N(0, 1)] summed over the latent, in nats (Kingma & Welling 2014, appendix B).

    >>> gaussian_kl(torch.ones(1, 1), torch.zeros(1, 1))
    tensor([0.5000])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def hinge(error: Float[Tensor, " b"], margin: float) -> Float[Tensor, ""]:
    """Return mean max(0, margin − error): negatives are pushed to errors above `margin`.

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
