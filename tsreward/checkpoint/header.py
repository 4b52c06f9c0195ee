"""The header of a .safetensors file, checked before anything of the file's claimed size is allocated."""

from __future__ import annotations

import math
from typing import Any, BinaryIO, NamedTuple

import torch

from tsreward.checkpoint.strict_json import parse, shown
from tsreward.errors import CheckpointError

MAX_FILE = 2**30
MAX_HEADER = 2**20
MAX_TENSORS = 4096
MAX_AXES = 8
DTYPES = {"BOOL": torch.bool, "U8": torch.uint8, "I64": torch.int64, "F32": torch.float32, "F64": torch.float64}
METADATA_KEY = "tsreward"


class Entry(NamedTuple):
    """Where one tensor lies in the file, and what it is."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Return (the header's JSON, where the tensors begin) of a file of `size` bytes; the file stands behind the header.

    Raises:
        CheckpointError: the file is too large, or its header is not a JSON object of at most 1 MB.
    """
    if size > MAX_FILE:
        raise CheckpointError(f"It has {size} bytes, and a model file has at most {MAX_FILE}.")
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or not 2 <= length <= MAX_HEADER:
        raise CheckpointError(
            f"It is no model file: it does not begin with a safetensors header of at most {MAX_HEADER} bytes. Files of "
            f"pickle, torch.save or joblib can run code and are never opened."
        )
    if length > size - 8:
        raise CheckpointError(f"It ends inside its header of {length} bytes: the file was cut off at {size}.")
    text = file.read(length)
    if len(text) < length:
        raise CheckpointError("It became shorter while it was read.")
    header = parse(text)
    if text[:1] != b"{" or not isinstance(header, dict):
        raise CheckpointError("Its header is not a JSON object.")
    return header, 8 + length


def metadata_text(header: dict[str, Any]) -> str:
    """Return the JSON text that tsreward keeps in the metadata of the header.

    Raises:
        CheckpointError: there is none, or there is other metadata beside it.
    """
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or list(metadata) != [METADATA_KEY]:
        raise CheckpointError("It is a .safetensors file, but tsreward did not write it: its metadata is another's.")
    text = metadata[METADATA_KEY]
    if not isinstance(text, str) or not text.isascii():
        raise CheckpointError("Its metadata is not ASCII text.")
    return text


def read_entries(header: dict[str, Any], start: int, size: int) -> dict[str, Entry]:
    """Return the tensors of the file, which lie between byte `start` and byte `size` without a gap.

    Raises:
        CheckpointError: too many tensors, an unknown dtype, a shape that does not have the bytes that the offsets give
            it, or offsets that overlap, leave a gap or do not end with the file.
    """
    listed = {name: value for name, value in header.items() if name != "__metadata__"}
    if len(listed) > MAX_TENSORS:
        raise CheckpointError(f"It has {len(listed)} tensors, and a model file has at most {MAX_TENSORS}.")
    entries = {name: _entry(name, value, start) for name, value in listed.items()}
    position = start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != position:
            raise CheckpointError(
                f"Tensor {shown(name)} starts at byte {entry.start} and should at {position}: tensors overlap or leave "
                f"a gap."
            )
        position = entry.end
    if position != size:
        raise CheckpointError(f"Its tensors end at byte {position}, the file at {size}: it was cut off or extended.")
    return entries


def _entry(name: str, value: Any, start: int) -> Entry:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"Tensor {shown(name)} needs dtype, shape and data_offsets, and nothing else.")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(f"Tensor {shown(name)} has dtype {shown(dtype)}, not one of {', '.join(DTYPES)}.")
    if not _are_sizes(shape) or len(shape) > MAX_AXES:
        raise CheckpointError(f"Tensor {shown(name)} has shape {shown(shape)}, not at most {MAX_AXES} sizes.")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise CheckpointError(f"Tensor {shown(name)} has offsets {shown(offsets)}, not a first and a last byte.")
    wanted = math.prod(shape) * DTYPES[dtype].itemsize  # Python's integers do not overflow
    if offsets[1] - offsets[0] != wanted:
        raise CheckpointError(
            f"Tensor {shown(name)}, {dtype} {shown(shape)}, needs {wanted} bytes and has {offsets[1] - offsets[0]}."
        )
    return Entry(dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
