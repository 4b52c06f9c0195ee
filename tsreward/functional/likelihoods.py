"""Negative log-likelihoods used as errors."""

import math

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
    scaled = (target - mean) * torch.exp(-log_std)
    return (0.5 * scaled.square() + log_std + 0.5 * math.log(2 * math.pi)).mean(-1)


def gaussian_kl(mean: Float[Tensor, "b z"], log_variance: Float[Tensor, "b z"]) -> Float[Tensor, " b"]:
    """Return KL[N(mean, variance) ‖ N(0, 1)] summed over the latent, in nats (Kingma & Welling 2014, appendix B).

    >>> gaussian_kl(torch.ones(1, 1), torch.zeros(1, 1))
    tensor([0.5000])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
