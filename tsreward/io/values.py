"""Options and tensors as a model file holds them: strict conversions and checks."""

from __future__ import annotations

import math
import types
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from tsreward.errors import CheckpointError, OptionError, TSRewardError
from tsreward.io.header import shown
from tsreward.pipeline.model import RewardModel

T = TypeVar("T")


def to_json(options: Any) -> dict[str, Any]:
    """Return the options as values that JSON can hold; tuples become lists.

    Raises:
        OptionError: a value that a file cannot hold, e.g. infinity.
    """
    return {
        field.name: _plain(getattr(options, field.name), f"{type(options).__name__}.{field.name}")
        for field in fields(options)
    }


def from_json(cls: type[T], values: dict[str, Any]) -> T:
    """Return `cls(**values)`; an option that is not there keeps its default.

    Raises:
        CheckpointError: an unknown option, a value of another type than the annotation, or one that the class refuses.

    >>> from tsreward.encoders.sorted_lidar import SortedLidarOptions
    >>> from_json(SortedLidarOptions, {"groups": [[0, 4]]})
    SortedLidarOptions(groups=((0, 4),))
    """
    hints = _hints(cls)
    for name in values:
        if name not in hints:
            near = get_close_matches(name[:100], hints, n=1)
            hint = f": did you mean '{near[0]}'?" if near else "."
            raise CheckpointError(f"{cls.__name__} has no option {shown(name)}{hint}")
    converted = {name: _convert(value, hints[name], f"{cls.__name__}.{name}") for name, value in values.items()}
    try:
        return cls(**converted)
    except TSRewardError as error:
        raise CheckpointError(str(error)) from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item, where) for item in value]
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    raise OptionError(f"{where} is {value!r}, which a model file cannot hold: use a finite number or a text.")


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Return the value as the annotation wants it: lists become tuples, everything else has to fit already."""
    origin, members = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for member in members:
            try:
                return _convert(value, member, where)
            except CheckpointError:
                continue
    elif origin is Literal:
        if isinstance(value, str) and value in members:
            return value
    elif origin is tuple and isinstance(value, list):
        if len(members) == 2 and members[1] is Ellipsis:
            members = (members[0],) * len(value)
        if len(members) == len(value):
            return tuple(_convert(item, member, where) for item, member in zip(value, members, strict=True))
    elif type(value) is hint or (hint is float and type(value) is int):
        return value
    raise CheckpointError(f"{where} must be {_wanted(hint)}, got {shown(value)}.")


def _wanted(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


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
