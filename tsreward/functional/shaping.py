"""How a score becomes a penalty or a likeness: elementwise, bounded where it says so."""

import torch
from jaxtyping import Float
from torch import Tensor


def excess(tail: Float[Tensor, " b"], false_alarm_rate: float) -> Float[Tensor, " b"]:
    """Return max(0, 1 − tail / rate) in [0, 1): 0 for windows that are not flagged, towards 1 the rarer they are.

    >>> excess(torch.tensor([0.5, 0.05, 0.01]), false_alarm_rate=0.05)
    tensor([0.0000, 0.0000, 0.8000])
    """
    return (1 - tail / false_alarm_rate).clamp_min(0)


def exponential_likeness(
    scores: Float[Tensor, " b"], origin: float | Tensor, scale: float | Tensor
) -> Float[Tensor, " b"]:
    """Return exp(−max(0, s − origin) / scale) in [0, 1].

    >>> exponential_likeness(torch.tensor([0.0, 1.0, 3.0]), origin=1.0, scale=2.0)
    tensor([1.0000, 1.0000, 0.3679])
    """
    return torch.exp(-(scores - origin).clamp_min(0) / scale)
