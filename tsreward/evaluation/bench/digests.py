"""Digests of what a result depends on: a result is made again only where one of them changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np


def digest(*parts: Any) -> str:
    """Return the SHA-256 of parts: arrays by their bytes and shape, anything else by its description.

    >>> digest(np.zeros(2)) == digest(np.zeros(2)), digest(np.zeros(2)) == digest(np.zeros((2, 1)))
    (True, False)
    """
    return hashlib.sha256(json.dumps([described(part) for part in parts]).encode()).hexdigest()


def described(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Return what tells a value from another as plain JSON: numbers and texts themselves, arrays by digest, other
    objects by the name of their class and their attributes; functions by name, defaults and what they close over.

    >>> described({"a": (1, None), "b": partial(max, 3)})
    {'a': [1, None], 'b': ['builtins.max', [3], {}]}
    """
    if id(value) in inside:
        return "..."
    inside = (*inside, id(value))
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return repr(value)  # NaN and inf are no JSON
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), content]
    if isinstance(value, partial):
        return [_name(value.func), described(value.args, inside), described(value.keywords, inside)]
    if isinstance(value, Mapping):
        return {
            str(key): described(entry, inside) for key, entry in sorted(value.items(), key=lambda item: str(item[0]))
        }
    if isinstance(value, list | tuple):
        return [described(entry, inside) for entry in value]
    if isinstance(value, Set):
        return sorted(json.dumps(described(entry, inside)) for entry in value)
    if isinstance(value, FunctionType):
        kept = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_name(value), *described([kept, value.__defaults__, value.__kwdefaults__], inside)]
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _name(value)
    return [_name(type(value)), described(vars(value), inside) if hasattr(value, "__dict__") else None]


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
