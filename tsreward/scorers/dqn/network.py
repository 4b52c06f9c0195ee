"""The Q-network: an LSTM over the state, and two values that share all but their difference."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QNetwork(nn.Module):
    """Q(s, a) = V(s) ± A(s) / 2 (Wang et al. 2016), so that A is what one answer is worth more than the other.

    A sees an LSTM over the whole state; V reads the same features, of the state without its flag, and does not train
    them. What both answers earn alike thereby moves V alone, whatever its size.

    `errors` [B, K] and `summary` [B] are the reconstruction errors of the window's steps and of the window. They also
    reach A directly: the LSTM is bounded, and an error that is larger than all known ones must still count as such.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(dim + 2, hidden, batch_first=True)
        bound = (hidden + 2) ** -0.5
        self.advantage_weight = nn.Parameter(nn.init.uniform_(torch.empty(hidden + 2), -bound, bound))
        self.advantage_bias = nn.Parameter(torch.zeros(()))
        self.value = nn.Linear(hidden + 2, 1)

    def features(self, states: Tensor, errors: Tensor, summary: Tensor) -> Tensor:
        """Return [B, hidden + 2] of states [B, K, D + 1]."""
        hidden = self.recurrent(torch.cat([states, errors[..., None]], -1))[0][:, -1]
        return torch.cat([hidden, errors[:, -1:], summary[:, None]], -1)

    def advantage(self, features: Tensor) -> Tensor:
        """Return A [B] = Q(anomaly) − Q(normal)."""
        # Not a matrix product with one column, whose bits would depend on the batch.
        return (features * self.advantage_weight).sum(-1) + self.advantage_bias

    def forward(self, features: Tensor, without_flag: Tensor) -> Tensor:
        """Return Q [B, 2] from the features of a state and of the same state with the flag at 0."""
        value, advantage = self.value(without_flag.detach()), self.advantage(features)[:, None]
        return torch.cat([value - advantage / 2, value + advantage / 2], 1)
