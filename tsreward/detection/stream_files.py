"""Files of the states of streams: where logs ended, so that their next rows go on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsreward.errors import CheckpointError
from tsreward.io.states import read_weights, write_weights

_VERSION = 1


def write_streams(path: Path, states: Mapping[str, Any], alarms: Mapping[str, Any] | None = None) -> None:
    """Write the states (`IncidentStream.state`) of streams by name, and the incidents that were told, as plain JSON.

    The file is safetensors, written at once or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    write_weights(path, {"version": _VERSION, "streams": _as_tensors(dict(states)), "alarms": dict(alarms or {})})


def read_streams(path: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `write_streams` wrote: states and incidents by name; none where there is no file.

    Raises:
        CheckpointError: damage, another file, or another version.
    """
    if path is None or not path.exists():
        return {}, {}
    found = read_weights(path)
    parts = found.get("streams"), found.get("alarms", {})
    if found.get("version") != _VERSION or not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(f"{path} is no state of tsreward detect or serve that this version reads.")
    return parts[0], parts[1]  # pyright: ignore[reportReturnType] - checked above


def _as_tensors(value: Any) -> Any:
    """Return a state with tensors in place of arrays."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    return {name: _as_tensors(part) for name, part in value.items()} if isinstance(value, dict) else value
