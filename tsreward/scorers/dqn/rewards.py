"""What the two answers pay: column 0 is "normal", column 1 "anomaly"."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def extrinsic_rewards(labels: Tensor, hit: float, calm: float, false_alarm: float, miss: float) -> Tensor:
    """Return what both answers earn [B, 2] by labels [B]: 1 anomalous, 0 normal, −1 not known, which pays nothing.

    >>> extrinsic_rewards(torch.tensor([1, 0, -1]), hit=5, calm=1, false_alarm=1, miss=5).tolist()
    [[-5.0, 5.0], [1.0, -1.0], [0.0, 0.0]]
    """
    table = torch.tensor([[calm, -false_alarm], [-miss, hit], [0.0, 0.0]], device=labels.device)
    return table[labels]  # −1 is the last row


def intrinsic_rewards(errors: Tensor, kind: Literal["action", "symmetric", "none"]) -> Tensor:
    """Return what the reconstruction errors [B] add to the rewards [B, 2], before λ.

    Only `action` can change which answer is better: a bonus on both cancels in every comparison.

    >>> intrinsic_rewards(torch.tensor([2.0]), "action").tolist()
    [[-2.0, 2.0]]
    >>> intrinsic_rewards(torch.tensor([2.0]), "symmetric").tolist()
    [[2.0, 2.0]]
    """
    signs = {"action": (-1.0, 1.0), "symmetric": (1.0, 1.0), "none": (0.0, 0.0)}[kind]
    return errors[:, None] * torch.tensor(signs, device=errors.device)
