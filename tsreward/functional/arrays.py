"""What other libraries call an array, as a numpy array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def is_array(data: Any) -> bool:
    """Tell whether data is an array or a tensor of any library, which says so by `__array__` or DLPack.

    >>> is_array(torch.ones(2)), is_array([1, 2])
    (True, False)
    """
    return isinstance(data, torch.Tensor) or hasattr(data, "__array__") or hasattr(data, "__dlpack__")


def as_array(values: Any) -> np.ndarray:
    """Return the numpy array of whatever holds numbers: arrays, tensors of any device, lists, numbers.

    What lies in the computer's memory is shared where that is possible; what lies on a device is brought here once.

    >>> as_array(torch.ones(2, requires_grad=True)), as_array([1, 2]).dtype.kind
    (array([1., 1.], dtype=float32), 'i')
    """
    if isinstance(values, np.ndarray):
        return values
    if not isinstance(values, torch.Tensor) and hasattr(values, "__dlpack__"):
        try:
            return np.asarray(values) if hasattr(values, "__array__") else as_array(torch.from_dlpack(values))
        except TypeError:  # arrays on a device refuse __array__
            values = torch.from_dlpack(values)
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def count(obs: Any) -> int:
    """Return of how many environments these observations are, an array or dicts and tuples of arrays."""
    while isinstance(obs, (Mapping, tuple)):
        obs = next(iter(obs.values() if isinstance(obs, Mapping) else obs))
    return len(obs)
