"""Model files as an attacker would write them: a good file taken apart, changed, and put together again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as deserialise

from tests.reliability.models import file_bytes, fitted
from tsreward.io.header import METADATA_KEY, canonical
from tsreward.io.manifest import pack

CANARY = "hostile-code-ran"

Make = Callable[[Path, bytes], Path | None]
"""Writes a hostile file at a path, given the bytes of a good one; returns a path where it stands elsewhere."""


def take_apart(data: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the metadata and the tensors of a good file."""
    return json.loads(header_of(data)["__metadata__"][METADATA_KEY]), deserialise(data)


def header_of(data: bytes) -> dict[str, Any]:
    """Return the header of a good file."""
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_header(header: dict[str, Any] | bytes, data: bytes) -> bytes:
    """Return a file with this header and the tensors of a good file."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]


def signed(edit: Callable[[dict[str, Any], dict[str, torch.Tensor]], None]) -> Make:
    """Edit metadata and tensors in place, and write them with the right digests: an attacker can compute them too."""

    def make(path: Path, data: bytes) -> None:
        manifest, tensors = take_apart(data)
        edit(manifest, tensors)
        path.write_bytes(pack(manifest, tensors))

    return make


def unsigned(edit: Callable[[dict[str, Any]], None]) -> Make:
    """Edit the metadata in place and leave the digests as they are."""

    def make(path: Path, data: bytes) -> None:
        header, manifest = header_of(data), take_apart(data)[0]
        edit(manifest)
        header["__metadata__"][METADATA_KEY] = canonical(manifest)
        path.write_bytes(with_header(header, data))

    return make


def relaid(edit: Callable[[dict[str, Any]], None]) -> Make:
    """Edit the header in place: offsets, dtypes and shapes."""

    def make(path: Path, data: bytes) -> None:
        header = header_of(data)
        edit(header)
        path.write_bytes(with_header(header, data))

    return make


def wrote(make_bytes: Callable[[bytes], bytes]) -> Make:
    """Write bytes that are made from those of a good file."""

    def make(path: Path, data: bytes) -> None:
        path.write_bytes(make_bytes(data))

    return make


class Attack:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def pickled_call(module: str, name: str) -> bytes:
    """Return a pickle that calls `module.name` with a command."""
    return f"c{module}\n{name}\n(Vtouch {CANARY}\ntR.".encode()


def torch_zip(_: bytes) -> bytes:
    file = io.BytesIO()
    torch.save({"model": Attack()}, file)
    return file.getvalue()


def torch_tar(_: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps(Attack())
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def sb3_zip(_: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":type:": "type", ":serialized:": "Y29zCnN5c3RlbQo="}}))
        archive.writestr("policy.pth", torch_zip(b""))
        archive.writestr("_stable_baselines3_version", "2.6.0")
    return file.getvalue()


def npz_objects(_: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, weights=np.array([Attack()], dtype=object))
    return file.getvalue()


def zip_bomb(_: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("weights", bytes(2**27))
    return file.getvalue()


def million_tensors(data: bytes) -> bytes:
    entries = (b'"%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (i, i, i + 1) for i in range(1_000_000))
    return with_header(b"{" + b",".join(entries) + b"}", data)


def many_tensors(header: dict[str, Any]) -> None:
    header |= {str(index): header["scorer.mean"] for index in range(5000)}


def endless_layers(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    options = {"width": 8, "heads": 2, "feed_forward": 8, "bottleneck": 2, "layers": 10**9}
    manifest["scorer"] |= {"name": "transformer_ae", "options": options}


def sparse_header(path: Path, data: bytes) -> None:
    length = 101 * 2**20
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little"))
        file.truncate(8 + length + 1000)


def symlink_to_device(path: Path, data: bytes) -> None:
    path.symlink_to("/dev/zero")


def claims(length: int) -> Make:
    """Let the first 8 bytes claim a header of another length."""
    return wrote(lambda data: length.to_bytes(8, "little") + data[8:])


def set_part(part: str, key: str, value: Any) -> Make:
    """Set one key of a part of the metadata, or of the metadata itself."""

    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        (manifest[part] if part else manifest)[key] = value

    return signed(edit)


def set_option(part: str, key: str, value: Any) -> Make:
    """Set one option of a part."""

    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        manifest[part]["options"][key] = value

    return signed(edit)


def set_last(name: str, value: float) -> Make:
    """Set the last number of a tensor."""

    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        tensors[name].view(-1)[-1] = value

    return signed(edit)


def extra_tensor(name: str) -> Make:
    """Add a tensor."""

    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = torch.zeros(1)

    return signed(edit)


def set_entry(key: str, change: Callable[[Any], Any]) -> Make:
    """Change the dtype, shape or offsets of one tensor in the header."""

    def edit(header: dict[str, Any]) -> None:
        header["scorer.mean"][key] = change(header["scorer.mean"][key])

    return relaid(edit)


def other_digest(path: Path, data: bytes) -> None:
    other = take_apart(file_bytes(fitted(seed=1)))[0]["sha256"]
    unsigned(lambda manifest: manifest.update(sha256=other))(path, data)


def drop_mean(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    del tensors["scorer.mean"]


def shorten_mean(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["scorer.mean"] = tensors["scorer.mean"][:2]


def unsort(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["calibration.scores"][0] = 1e9


def odd_flag(path: Path, data: bytes) -> None:
    """Write a flag of 2, which torch would turn into 1 while it saves, with digests that are right for it."""
    header, manifest = header_of(data), take_apart(data)[0]
    start = 8 + int.from_bytes(data[:8], "little") + header["scorer.fitted"]["data_offsets"][0]
    manifest["tensors"]["scorer.fitted"] = hashlib.sha256(b'["scorer.fitted","BOOL",[]]\x02').hexdigest()
    del manifest["sha256"]
    manifest["sha256"] = hashlib.sha256(canonical(manifest).encode()).hexdigest()
    header["__metadata__"][METADATA_KEY] = canonical(manifest)
    path.write_bytes(with_header(header, data[:start] + b"\x02" + data[start + 1 :]))


def large_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.truncate(path, 2**31)


def open_string(data: bytes) -> bytes:
    return with_header(b'"' + b'\\"' * 400_000, data)


def circular_link(path: Path, data: bytes) -> None:
    path.symlink_to(path)
