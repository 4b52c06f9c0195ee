"""Whatever holds rows as one array: tensors, arrays of other libraries, and dicts and tuples of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tsreward.errors import DataError, ShapeError
from tsreward.functional.arrays import as_array, is_array
from tsreward.sequences.frames import is_frame

Part = TypeVar("Part")


def are_rows(data: Any) -> bool:
    """Tell whether data is one array or table of rows, or a dict of arrays.

    >>> are_rows({"speed": np.zeros(3)}), are_rows([np.zeros((3, 1))])
    (True, False)
    """
    return isinstance(data, Mapping) or is_array(data) or is_frame(data)


def as_rows(data: Any) -> Any:
    """Return a table as it is, and anything else as one numpy array.

    The parts of a dict stand side by side, sorted by their keys as in gymnasium's Dict, those of a tuple in order:
    [T, D]. A dict of columns [T] keeps their names, as a structured array. A part alone keeps its shape.

    Args:
        data: an array [T, *obs] of any library, a DataFrame, or dicts and tuples of arrays [T, ...].

    Raises:
        DataError: a part holds no numbers, or there is none.
        ShapeError: parts differ in their number of rows T, or two have one name.

    >>> as_rows({"b": np.zeros((2, 2)), "a": [1, 2]})
    array([[1., 0., 0.],
           [2., 0., 0.]])
    >>> as_rows({"b": np.zeros(2), "a": [1, 2]}).dtype.names
    ('a', 'b')
    """
    if not isinstance(data, (Mapping, tuple)):
        return data if is_frame(data) else as_array(data)
    parts = unlike(_leaves(data, ""), "The data")
    if not parts:
        raise DataError("The observations have no parts: give a dict or a tuple with arrays [T, ...].")
    for name, values in parts.items():
        if values.dtype.kind not in "biuf" or not values.ndim:
            raise DataError(f"The part '{name}' is {values.dtype} {list(values.shape)}: give numbers [T, ...].")
    lengths = {name: len(values) for name, values in parts.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ShapeError(f"The parts of the observations must have one number of rows, got {told}.")
    if isinstance(data, Mapping) and all(values.ndim == 1 for values in parts.values()):
        table = np.empty(next(iter(lengths.values())), [(name, values.dtype) for name, values in parts.items()])
        for name, values in parts.items():
            table[name] = values
        return table
    if len(parts) == 1:
        only = next(iter(parts.values()))
        return only if only.ndim > 1 else only[:, None]
    return np.concatenate([values.reshape(len(values), -1) for values in parts.values()], axis=1)


def unlike(parts: Iterable[tuple[str, Part]], where: str) -> dict[str, Part]:
    """Return parts by name.

    Raises:
        ShapeError: two have one name, as the key "a/b" and the part "b" of the key "a" have.
    """
    found: dict[str, Part] = {}
    for name, part in parts:
        if name in found:
            raise ShapeError(f"{where} has two parts of observations called '{name}': give one of them another key.")
        found[name] = part
    return found


def _leaves(data: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(data, Mapping):
        try:
            keys = sorted(data)
        except TypeError:  # keys of several kinds stay in their order
            keys = list(data)
        for key in keys:
            yield from _leaves(data[key], f"{name}/{key}" if name else str(key))
    elif isinstance(data, tuple):
        for place, part in enumerate(data):
            yield from _leaves(part, f"{name}/{place}" if name else str(place))
    else:
        yield name, as_array(data)
