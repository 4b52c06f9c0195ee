"""Options dataclasses as JSON objects and back, strictly by their annotations."""

from __future__ import annotations

import math
import types
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tsreward.checkpoint.strict_json import shown
from tsreward.errors import CheckpointError, OptionError, TSRewardError

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
