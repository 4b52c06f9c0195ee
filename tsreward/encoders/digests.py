"""SHA-256 of weights and of what they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def weights_digest(description: Any, weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256, in hexadecimal, of a description in plain JSON values and of named tensors in any order.

    >>> weights_digest({"layers": 1}, {"weight": torch.zeros(2)})[:8]
    'af78cddf'
    """
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(json.dumps([name, str(plain.dtype), list(plain.shape)]).encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
