"""Checks of the tensors that a model file holds."""

from __future__ import annotations

import torch
from torch import Tensor

from tsreward.errors import CheckpointError, shown
from tsreward.pipeline.model import RewardModel

_POSITIVE = ("scorer.std", "mode.unit", "mode.scale")
_NOT_NEGATIVE = ("mode.multiplier", "mode.longest")


def check_values(fresh: RewardModel, tensors: dict[str, Tensor]) -> None:
    """Check the tensors of a file, whose names, dtypes and shapes are those of the `fresh` model.

    Raises:
        CheckpointError: NaN; infinity where a fresh model has none; a flag that is neither 0 nor 1; a scale that is not
            positive; a scorer or an encoder that is not fitted; a calibration that is empty or not sorted.
    """
    start = fresh.state_dict()
    for name, tensor in tensors.items():
        if tensor.dtype == torch.bool:
            if (tensor.reshape(-1).view(torch.uint8) > 1).any():
                raise CheckpointError(f"Tensor {shown(name)} has flags that are neither 0 nor 1.")
        elif tensor.is_floating_point():
            # An unused place of a bank or an open limit is infinite from the start.
            unusual = ~torch.isfinite(tensor) & (tensor != start[name])
            if unusual.any():
                value = float(tensor[unusual][0])
                raise CheckpointError(f"Tensor {shown(name)} holds {value}, which no fitted model has there.")
    for name in _POSITIVE:
        if name in tensors and not (tensors[name] > 0).all():
            raise CheckpointError(f"Tensor '{name}' must be above 0, and its smallest value is {tensors[name].min()}.")
    for name in _NOT_NEGATIVE:
        if name in tensors and not (tensors[name] >= 0).all():
            raise CheckpointError(f"Tensor '{name}' must not be negative, got {tensors[name].min()}.")
    if not tensors["scorer.fitted"]:
        raise CheckpointError("Its scorer was saved before it was fitted.")
    if "encoder.fitted" in tensors and not tensors["encoder.fitted"]:
        raise CheckpointError("Its encoder was saved before it was fitted.")
    _check_calibration(tensors["calibration.scores"], int(tensors["calibration.count"]))


def _check_calibration(scores: Tensor, count: int) -> None:
    if not 1 <= count <= len(scores):
        raise CheckpointError(f"Its calibration has count {count}, not 1 to {len(scores)}.")
    used, unused = scores[:count], scores[count:]
    if not torch.isfinite(used).all() or (unused != torch.inf).any() or (used.diff() < 0).any():
        raise CheckpointError(f"Its calibration must hold {count} finite scores in rising order, and then inf.")
