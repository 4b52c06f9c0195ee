"""States of a training in files: nested dictionaries of arrays and plain values, written and read without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from tsreward.errors import CheckpointError
from tsreward.files import open_atomic, write_atomic
from tsreward.io.header import parse

State = dict[str, Any]
"""Names -> arrays, tensors, plain JSON values, or states again."""
_ARRAYS, _VALUES, _TREE = "arrays.npz", "values.json", "tree"


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write arrays.npz and values.json into a folder that is there.

    Raises:
        DataError: they cannot be written.
    """
    arrays, values = {}, {}
    for path, value in _leaves(state):
        if isinstance(value, np.ndarray | Tensor):
            arrays[path] = np.asarray(value)
        else:
            values[path] = value
    with open_atomic(folder / _ARRAYS) as file:
        np.savez(file, allow_pickle=False, **arrays)
    write_atomic(folder / _VALUES, json.dumps(values, allow_nan=False).encode())


def read_state(folder: Path) -> State:
    """Return what `write_state` wrote, with arrays as arrays.

    Raises:
        CheckpointError: a file is missing, damaged or another one.
    """
    leaves: State = {}
    try:
        leaves |= parse((folder / _VALUES).read_bytes())
        with (folder / _ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            leaves |= dict(arrays)
    except (CheckpointError, OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{folder} holds no state that can be read: {error}") from error
    state: State = {}
    for path, value in leaves.items():
        *outer, name = (unquote(part) for part in path.split("/"))
        place = state
        for part in outer:
            place = place.setdefault(part, {})
        place[name] = value
    return state


def write_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write state dicts of networks and optimisers as safetensors; what is no tensor stands in the metadata, as JSON.

    Raises:
        DataError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_taken_apart(weights, tensors), allow_nan=False)
    write_atomic(path, serialise(tensors, metadata={_TREE: tree}))


def read_weights(path: Path) -> State:
    """Return what `write_weights` wrote, on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged or another one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads((file.metadata() or {})[_TREE])
            weights = _put_together(tree, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} holds no weights that can be read: {first}") from error
    if not isinstance(weights, dict):
        raise CheckpointError(f"{path} holds no weights that can be read: they have no names.")
    return weights


def _taken_apart(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return plain values for JSON, in which every tensor is the name that it has in `tensors`."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, Mapping):  # pairs, because optimisers count their parameters
        return {"dict": [[key, _taken_apart(part, tensors)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_taken_apart(part, tensors) for part in value]}
    return value


def _put_together(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Undo `_taken_apart`."""
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "tensor":
        return tensors[inside]
    if kind == "dict":
        return {key: _put_together(part, tensors) for key, part in inside}
    parts = [_put_together(part, tensors) for part in inside]
    return tuple(parts) if kind == "tuple" else parts


def _leaves(state: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with the names that lead to it."""
    for name, value in state.items():
        here = path + quote(name, safe="")
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{here}/")
        else:
            yield here, value
