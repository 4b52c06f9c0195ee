"""How a score becomes a penalty or a likeness: elementwise, bounded where it says so."""

import torch
from jaxtyping import Float
from torch import Tensor


def severity(tail: Float[Tensor, " b"], false_alarm_rate: float) -> Float[Tensor, " b"]:
    """Return 1 − p / (2 · rate) for flagged windows, p ≤ rate: from 1/2 at the threshold towards 1 the rarer they are.

    The step at the threshold keeps a penalty from fading where unsafe windows look only a little strange.

    >>> severity(torch.tensor([0.05, 0.01]), false_alarm_rate=0.05)
    tensor([0.5000, 0.9000])
    """
    return 1 - tail / (2 * false_alarm_rate)


def exponential_likeness(
    scores: Float[Tensor, " b"], origin: float | Tensor, scale: float | Tensor
) -> Float[Tensor, " b"]:
    """Return exp(−max(0, s − origin) / scale) in [0, 1].

    >>> exponential_likeness(torch.tensor([0.0, 1.0, 3.0]), origin=1.0, scale=2.0)
    tensor([1.0000, 1.0000, 0.3679])
    """
    return torch.exp(-(scores - origin).clamp_min(0) / scale)
