"""States of a training in files: nested dictionaries of arrays and plain values, written and read without pickle."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch
from torch import Tensor

from tsreward.errors import CheckpointError
from tsreward.files import open_atomic, write_atomic
from tsreward.io.header import parse

State = dict[str, Any]
"""Names -> arrays, tensors, plain JSON values, or states again."""
_ARRAYS, _VALUES = "arrays.npz", "values.json"


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
    """Write state dicts of networks and optimisers.

    Raises:
        DataError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(weights), buffer)
    write_atomic(path, buffer.getvalue())


def read_weights(path: Path) -> State:
    """Return what `write_weights` wrote, on the CPU; torch reads nothing but tensors and plain values.

    Raises:
        CheckpointError: the file is missing, damaged or another one.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} holds no weights that can be read: {first}") from error


def _leaves(state: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with the names that lead to it."""
    for name, value in state.items():
        here = path + quote(name, safe="")
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{here}/")
        else:
            yield here, value
