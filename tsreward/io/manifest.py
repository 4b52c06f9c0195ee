"""The JSON entry of a file: what the fitted thing in it is made of, who wrote it, and the digests of everything.

{"schema": 1, "versions": {"tsreward": ..., "torch": ..., "numpy": ..., "python": ...}, the parts, "note": {...},
 "tensors": {name: SHA-256 of name, dtype, shape and bytes}, "sha256": SHA-256 of all the rest of this entry}

The parts of a reward model: "encoder": {"name", "package", "options", "obs_shape"}, "scorer": {"name", "package",
"options", "window", "dim"}, "mode": {"name", "package", "options"}, "calibration": {"size"}, "profile": {"size"},
"frame_skip", "chunk", "columns": [[name, kind], ...] of what it was fitted on, empty where they had no names, and
"frames": {"axes", "stack", "scaled"} of a `FrameLayout`, which is not there where none was told.
Those of a detector: "detector": {"name", "package", "params"}, "n_features_in", "columns", "held_out": how many scores.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as serialise
from torch import Tensor

from tsreward.errors import CheckpointError, OptionError, shown
from tsreward.io.header import DTYPES, METADATA_KEY, Entry, canonical, parse
from tsreward.sequences.columns import Columns

SCHEMA = 1
# What each part of the entry is; a window or a width that no tensor bounds is bounded here.
_SHARED: dict[str, Any] = {
    "schema": int,
    "versions": {"tsreward": str, "torch": str, "numpy": str, "python": str},
    "note": dict,
    "tensors": dict,
    "sha256": str,
}
_LAYOUTS: dict[str, dict[str, Any]] = {
    "model": {
        **_SHARED,
        "encoder": {"name": str, "package": str, "obs_shape": list, "options": dict},
        "scorer": {
            "name": str,
            "package": str,
            "window": range(1, 2**16 + 1),
            "dim": range(1, 2**24 + 1),
            "options": dict,
        },
        "mode": {"name": str, "package": str, "options": dict},
        "calibration": {"size": range(2, 2**24 + 1)},
        "profile": {"size": range(2**24 + 1)},
        "frame_skip": range(1, 2**16 + 1),
        "chunk": range(1, 2**16 + 1),
        "columns": list,
        "frames": {"axes": str, "stack": (int, type(None)), "scaled": bool},
    },
    "detector": {
        **_SHARED,
        "detector": {"name": str, "package": str, "params": dict},
        "n_features_in": range(1, 2**24 + 1),
        "columns": list,
        "held_out": range(2**27),
    },
}


_OPTIONAL = {"frames"}
"""Keys of a model that files need not have."""


def kind_of(manifest: dict[str, Any]) -> str:
    """Return what the file holds: model or detector."""
    return "detector" if "detector" in manifest else "model"


def list_columns(columns: Columns | None) -> list[list[str]]:
    """Return the names and kinds of columns as a file holds them."""
    if columns is None:
        return []
    return [list(pair) for pair in zip(columns.names, columns.kinds or [""] * len(columns), strict=True)]


def columns_from(listed: list[Any], dim: int) -> Columns | None:
    """Return the columns that `list_columns` wrote; None where there are no names.

    Raises:
        CheckpointError: something else, or not those of D = `dim` features.
    """
    if not listed:
        return None
    texts = [pair for pair in listed if isinstance(pair, list) and [type(part) for part in pair] == [str, str]]
    if not len(texts) == len(listed) == dim == len({name for name, _ in texts}):
        raise CheckpointError(f"Its metadata has columns {shown(listed)}, not {dim} different names with their kinds.")
    kinds = tuple(kind for _, kind in listed)
    return Columns(tuple(name for name, _ in listed), kinds if any(kinds) else ())


def complete(parts: dict[str, Any], note: dict[str, Any] | None) -> dict[str, Any]:
    """Return the entry of parts and a note, without digests.

    Raises:
        OptionError: the note cannot be written as JSON.
    """
    manifest = {"schema": SCHEMA, "versions": _versions(), **parts, "note": note or {}}
    try:
        canonical(manifest)
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(f"The note of a file holds plain JSON values only ({error}).") from error
    return manifest


def pack(manifest: dict[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """Return the bytes of a file, with the digests of `manifest` and `tensors` put in."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    manifest = {**manifest, "tensors": {name: _digest_tensor(name, tensor) for name, tensor in plain.items()}}
    manifest["sha256"] = _digest_manifest(manifest)
    return serialise(plain, {METADATA_KEY: canonical(manifest)})


def read_manifest(text: str) -> dict[str, Any]:
    """Return the checked entry.

    Raises:
        CheckpointError: written by a newer tsreward, damaged, without digest, or with parts missing, unknown or of
            another type.
    """
    manifest = parse(text.encode("ascii"))
    if not isinstance(manifest, dict):
        raise CheckpointError("Its metadata is not a JSON object.")
    _check_schema(manifest)
    if "sha256" not in manifest:
        raise CheckpointError("Its metadata has no digest (sha256): it was removed, and without it nothing is loaded.")
    if manifest["sha256"] != _digest_manifest(manifest) or canonical(manifest) != text:
        raise CheckpointError("Its metadata does not match its SHA-256 digest: the file is damaged or was edited.")
    _check_layout(manifest, _LAYOUTS[kind_of(manifest)], "")
    return manifest


def check_digests(manifest: dict[str, Any], entries: dict[str, Entry], data: bytes) -> None:
    """Compare every tensor in the file's bytes with its digest.

    Raises:
        CheckpointError: one differs or has none.
    """
    digests = manifest["tensors"]
    if set(digests) != set(entries):
        odd = sorted(set(digests) ^ set(entries))[0]
        raise CheckpointError(f"Tensor {shown(odd)} has a digest and no bytes, or bytes and no digest.")
    view = memoryview(data)
    for name, entry in entries.items():
        if digests[name] != _digest(name, entry.dtype, entry.shape, view[entry.start : entry.end]):
            raise CheckpointError(f"Tensor {shown(name)} does not match its SHA-256 digest: the file is damaged.")


def _check_schema(manifest: dict[str, Any]) -> None:
    schema, versions = manifest.get("schema"), manifest.get("versions")
    writer = versions.get("tsreward") if isinstance(versions, dict) else None
    if type(schema) is not int or schema < 1:
        raise CheckpointError(f"It has schema {shown(schema)}, which no tsreward writes.")
    if schema > SCHEMA:
        raise CheckpointError(
            f"It has schema {schema}, written by tsreward {shown(writer)}; this is tsreward {_own_version()}, "
            f"which reads schema {SCHEMA}. Upgrade with: pip install -U tsreward"
        )


def _check_layout(value: Any, layout: Any, where: str) -> None:
    if isinstance(layout, dict):
        if not isinstance(value, dict):
            raise CheckpointError(f"Its metadata has {where} {shown(value)}, not an object.")
        lacks = _OPTIONAL - set(value)
        odd = sorted((set(layout) ^ set(value)) - lacks)
        if odd:
            problem = "lacks" if odd[0] in layout else "has the unknown key"
            raise CheckpointError(f"Its metadata {problem} {shown(f'{where}.{odd[0]}'.lstrip('.'))}.")
        for key in layout.keys() & value.keys():
            _check_layout(value[key], layout[key], f"{where}.{key}".lstrip("."))
    elif isinstance(layout, range):
        if type(value) is not int or value not in layout:
            raise CheckpointError(f"Its metadata has {where} {shown(value)}, not {layout[0]} to {layout[-1]}.")
    elif type(value) not in (kinds := layout if isinstance(layout, tuple) else (layout,)):
        raise CheckpointError(f"Its metadata has {where} {shown(value)}, not a {kinds[0].__name__}.")


@cache
def _own_version() -> str:
    try:
        return metadata.version("tsreward")
    except metadata.PackageNotFoundError:
        return "unknown"


def _versions() -> dict[str, str]:
    own = _own_version()
    return {"tsreward": own, "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}


def _digest_manifest(manifest: dict[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    return hashlib.sha256(canonical(rest).encode("ascii")).hexdigest()


def _digest_tensor(name: str, tensor: Tensor) -> str:
    dtype = next((key for key, value in DTYPES.items() if value == tensor.dtype), None)
    if dtype is None:
        raise OptionError(f"Tensor '{name}' is {tensor.dtype}, which a model file cannot hold: convert it to float32.")
    return _digest(name, dtype, tuple(tensor.shape), tensor.reshape(-1).numpy().view(np.uint8).data)


def _digest(name: str, dtype: str, shape: tuple[int, ...], data: memoryview) -> str:
    digest = hashlib.sha256(canonical([name, dtype, shape]).encode("ascii"))
    digest.update(data)
    return digest.hexdigest()
