"""The outer layer of a model file: its header and strict JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any, BinaryIO, NamedTuple

import torch

from tsreward.errors import CheckpointError, shown

MAX_DEPTH = 16
_MAX_DIGITS = 20
# A string runs to its closing quote, or to the end where it has none, so that the search is linear.
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse(text: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        CheckpointError: not UTF-8, not JSON, nested deeper than `MAX_DEPTH`, a key that appears twice, NaN, infinity,
            or an integer of more than 20 digits.

    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    tsreward.errors.CheckpointError: The JSON has the key 'a' twice.
    """
    depth = 0
    for token in _NESTING.finditer(text):
        opening = token.group()[:1]
        depth += opening in b"[{"
        depth -= opening in b"]}"
        if depth > MAX_DEPTH:
            raise CheckpointError(f"The JSON is nested deeper than {MAX_DEPTH}.")
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise CheckpointError(f"The JSON is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise CheckpointError(f"The JSON is broken at character {error.pos}: {error.msg}.") from error


def canonical(value: Any) -> str:
    """Return the one way to write a value: sorted keys, no spaces, ASCII.

    >>> canonical({"b": (1, 2.0), "a": "é"})
    '{"a":"\\\\u00e9","b":[1,2.0]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise CheckpointError(f"The JSON has the key {shown(twice)} twice.")
    return result


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise CheckpointError(f"The JSON has an integer of {len(digits)} digits.")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CheckpointError(f"The JSON has the number {shown(text)}, which is too large.")
    return value


def _refuse_constant(name: str) -> float:
    raise CheckpointError(f"The JSON has the number {name}, which JSON does not have.")


MAX_FILE = 2**30
MAX_HEADER = 2**22
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
