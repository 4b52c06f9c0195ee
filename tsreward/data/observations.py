"""Observations of Dict and Tuple spaces, side by side in one array, as gymnasium flattens them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tsreward.errors import OptionError, ShapeError, nearest
from tsreward.sequences.parts import unlike


def flat_observations(
    space: Any, values: Any, keys: Sequence[str] = (), where: str = "The data", option: str = "--obs"
) -> np.ndarray:
    """Return observations [N, *obs] of a Box as they are, those of other spaces as one array [N, D].

    The parts of a Dict stand in the order of its space, as with gymnasium's FlattenObservation; a Discrete one becomes
    one number per value, 1 for the value that it has.

    Args:
        space: the observation space: Box, Discrete, MultiDiscrete, MultiBinary, or Dict and Tuple of these.
        values: arrays [N, ...], in dicts and tuples as the space is.
        keys: parts of the Dict (or places in the Tuple) that are taken, in this order, "a/b" for a part of a part;
            without any, all are.
        where: what is named in errors.
        option: what the keys are called there.

    Raises:
        OptionError: there is no such key.
        ShapeError: a space of another kind, or values that are not of the space.
    """
    parts = unlike(_leaves(space, values, "", where, option), where)
    if list(parts) == [""]:
        if keys:
            raise OptionError(f"{where} has one array of observations and no keys: leave {option} out.")
        kind, value = parts[""]
        return value if kind is None else _flat(kind, value, where)
    chosen = list(parts) if not keys else [name for key in keys for name in _named(key, parts, where)]
    if len(chosen) == 1 and parts[chosen[0]][0] is None:
        return parts[chosen[0]][1]
    return np.concatenate([_flat(*parts[name], where) for name in chosen], axis=1)


def _leaves(
    space: Any, values: Any, name: str, where: str, option: str
) -> Iterator[tuple[str, tuple[Any, np.ndarray]]]:
    """Yield the parts by name, with the space of those that are counted; a Box has none."""
    inner = getattr(space, "spaces", None)
    if inner is not None:
        entries = list(inner.items()) if hasattr(inner, "items") else list(enumerate(inner))
        for key, part in entries:
            try:
                value = values[key]
            except (KeyError, IndexError, TypeError):
                raise ShapeError(f"{where} has no observations '{name}{key}', which its space has.") from None
            yield from _leaves(part, value, f"{name}{key}/", where, option)
        return
    title, array, kind = name.rstrip("/"), np.asarray(values), type(space).__name__
    if kind not in ("Box", "Discrete", "MultiDiscrete", "MultiBinary") or array.dtype.kind not in "biuf":
        raise ShapeError(
            f"{where} must have observations of numbers, found {kind}{f' at {title!r}' if title else ''}: choose "
            f"others with {option}."
        )
    if kind == "Box" and array.ndim < 2 and title:
        array = array.reshape(len(array), -1)
    yield title, (None if kind == "Box" else space, array)


def _flat(space: Any, values: np.ndarray, where: str) -> np.ndarray:
    """Return one part as [N, D]."""
    kind = type(space).__name__
    if kind == "Discrete":
        return _one_hot(values.reshape(len(values)) - int(space.start), int(space.n), where)
    if kind == "MultiDiscrete":
        ravelled = values.reshape(len(values), -1) - np.asarray(getattr(space, "start", 0)).reshape(1, -1)
        counts = np.asarray(space.nvec).ravel()
        columns = [_one_hot(column, int(count), where) for column, count in zip(ravelled.T, counts, strict=True)]
        return np.concatenate(columns, axis=1)
    return values.reshape(len(values), -1)


def _one_hot(values: np.ndarray, count: int, where: str) -> np.ndarray:
    if len(values) and not (values.min() >= 0 and values.max() < count):
        raise ShapeError(f"{where} holds values outside of a discrete space of {count}.")
    return (values[:, None] == np.arange(count)).astype(np.int64)


def _named(key: str, parts: Sequence[str] | dict[str, Any], where: str) -> list[str]:
    found = [name for name in parts if name == key or name.startswith(f"{key.rstrip('/')}/")]
    if not found:
        near = nearest(key, list(parts))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise OptionError(f"{where} has no observations '{key}': it has {', '.join(parts)}.{hint}")
    return found
