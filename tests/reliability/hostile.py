"""Forty files that a loader of models must refuse, and the words that say for what reason it did."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as deserialise

from tests.reliability.models import file_bytes, fitted
from tsreward.checkpoint.header import METADATA_KEY
from tsreward.checkpoint.manifest import pack
from tsreward.checkpoint.strict_json import canonical

CANARY = "hostile-code-ran"
NO_MODEL_FILE = "It is no model file"

Make = Callable[[Path, bytes], Path | None]


@dataclass(frozen=True)
class Hostile:
    """How to write a hostile file at a path, given the bytes of a good one, and what the refusal says."""

    make: Make
    message: str


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


class _Attack:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


def _pickled_call(module: str, name: str) -> bytes:
    """Return a pickle that calls `module.name` with a command."""
    return f"c{module}\n{name}\n(Vtouch {CANARY}\ntR.".encode()


def _torch_zip(_: bytes) -> bytes:
    file = io.BytesIO()
    torch.save({"model": _Attack()}, file)
    return file.getvalue()


def _torch_tar(_: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps(_Attack())
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _sb3_zip(_: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":type:": "type", ":serialized:": "Y29zCnN5c3RlbQo="}}))
        archive.writestr("policy.pth", _torch_zip(b""))
        archive.writestr("_stable_baselines3_version", "2.6.0")
    return file.getvalue()


def _npz_objects(_: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, weights=np.array([_Attack()], dtype=object))
    return file.getvalue()


def _zip_bomb(_: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("weights", bytes(2**27))
    return file.getvalue()


def _million_tensors(data: bytes) -> bytes:
    entries = (b'"%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}' % (i, i, i + 1) for i in range(1_000_000))
    return with_header(b"{" + b",".join(entries) + b"}", data)


def _sparse(path: Path, data: bytes) -> None:
    length = 101 * 2**20
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little"))
        file.truncate(8 + length + 1000)


def _symlink_to_device(path: Path, data: bytes) -> None:
    path.symlink_to("/dev/zero")


def _claims(length: int) -> Make:
    return wrote(lambda data: length.to_bytes(8, "little") + data[8:])


def _part(part: str, key: str, value: Any) -> Make:
    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        (manifest[part] if part else manifest)[key] = value

    return signed(edit)


def _option(part: str, key: str, value: Any) -> Make:
    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        manifest[part]["options"][key] = value

    return signed(edit)


def _filled(name: str, value: float) -> Make:
    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        tensors[name].view(-1)[-1] = value

    return signed(edit)


def _extra_tensor(name: str) -> Make:
    def edit(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = torch.zeros(1)

    return signed(edit)


def _entry(key: str, change: Callable[[Any], Any]) -> Make:
    def edit(header: dict[str, Any]) -> None:
        header["scorer.mean"][key] = change(header["scorer.mean"][key])

    return relaid(edit)


def _other_digest(path: Path, data: bytes) -> None:
    other = take_apart(file_bytes(fitted(seed=1)))[0]["sha256"]
    unsigned(lambda manifest: manifest.update(sha256=other))(path, data)


HOSTILE: dict[str, Hostile] = {
    "01 pickle": Hostile(wrote(lambda _: pickle.dumps(_Attack())), NO_MODEL_FILE),
    "02 cloudpickle": Hostile(wrote(lambda _: _pickled_call("cloudpickle.cloudpickle", "subimport")), NO_MODEL_FILE),
    "03 joblib": Hostile(wrote(lambda _: _pickled_call("joblib.numpy_pickle", "NumpyArrayWrapper")), NO_MODEL_FILE),
    "04 dill": Hostile(wrote(lambda _: _pickled_call("dill._dill", "_import_module")), NO_MODEL_FILE),
    "05 torch zip": Hostile(wrote(_torch_zip), NO_MODEL_FILE),
    "06 torch tar": Hostile(wrote(_torch_tar), NO_MODEL_FILE),
    "07 sb3 zip": Hostile(wrote(_sb3_zip), NO_MODEL_FILE),
    "08 npz of objects": Hostile(wrote(_npz_objects), NO_MODEL_FILE),
    "09 dotted class path": Hostile(_part("scorer", "name", "os.system"), "Unknown scorer 'os.system'"),
    "10 _target_": Hostile(_part("scorer", "_target_", "os.system"), "unknown key 'scorer._target_'"),
    "11 _instantiator": Hostile(_option("mode", "_instantiator", "os.system"), "no option '_instantiator'"),
    "12 yaml tag": Hostile(_part("mode", "name", "!!python/object/apply:os.system"), "Unknown reward mode '!!python"),
    "13 jinja template": Hostile(_option("scorer", "network", "{{ ''.__class__.__mro__ }}"), "network must be"),
    "14 expression": Hostile(_option("scorer", "hidden", "__import__('os').getpid()"), "hidden must be int"),
    "15 path traversal": Hostile(_extra_tensor("../../../etc/cron.d/x"), "does not belong to the model"),
    "16 absolute path": Hostile(_part("encoder", "name", "/etc/passwd"), "Unknown encoder '/etc/passwd'"),
    "17 symbolic link to a device": Hostile(_symlink_to_device, "It is a folder, a device or a pipe"),
    "18 device": Hostile(lambda path, data: Path("/dev/zero"), "It is a folder, a device or a pipe"),
    "19 pipe": Hostile(lambda path, data: os.mkfifo(path), "It is a folder, a device or a pipe"),
    "20 folder": Hostile(lambda path, data: path.mkdir(), "It is a folder, a device or a pipe"),
    "21 header of 2^63": Hostile(_claims(2**63), NO_MODEL_FILE),
    "22 negative header": Hostile(_claims(2**64 - 8), NO_MODEL_FILE),
    "23 header beyond the file": Hostile(_claims(900_000), "It ends inside its header of 900000 bytes"),
    "24 header of 101 MB": Hostile(_sparse, NO_MODEL_FILE),
    "25 no JSON": Hostile(wrote(lambda data: with_header(b"{scorer: yes}", data)), "JSON is broken at character 1"),
    "26 no UTF-8": Hostile(wrote(lambda data: with_header(b'{"\xff":1}', data)), "not UTF-8 at byte 2"),
    "27 nesting": Hostile(wrote(lambda data: with_header(b"[" * 10_000 + b"]" * 10_000, data)), "nested deeper than"),
    "28 duplicate keys": Hostile(wrote(lambda data: with_header(b'{"a":1,"a":2}', data)), "key 'a' twice"),
    "29 overlapping offsets": Hostile(
        _entry("data_offsets", lambda offsets: [offset - 4 for offset in offsets]), "tensors overlap or leave a gap"
    ),
    "30 shape product overflow": Hostile(_entry("shape", lambda _: [2**62, 2**62, 16]), "needs .* bytes and has 12"),
    "31 dtype and length": Hostile(_entry("dtype", lambda _: "F64"), "needs 24 bytes and has 12"),
    "32 unknown dtype": Hostile(_entry("dtype", lambda _: "OBJECT"), "has dtype 'OBJECT'"),
    "33 a million tensors": Hostile(wrote(_million_tensors), NO_MODEL_FILE),
    "34 zip bomb": Hostile(wrote(_zip_bomb), NO_MODEL_FILE),
    "35 NaN weights": Hostile(_filled("scorer.embed.1.weight", float("nan")), "'scorer.embed.1.weight' holds nan"),
    "36 huge window": Hostile(_part("scorer", "window", 2**31), "scorer.window 2147483648, not 1 to"),
    "37 negative std": Hostile(_filled("scorer.std", -1.0), "'scorer.std' must be above 0"),
    "38 NaN threshold": Hostile(_filled("mode.threshold", float("nan")), "'mode.threshold' holds nan"),
    "39 digest removed": Hostile(unsigned(lambda manifest: manifest.pop("sha256")), "has no digest"),
    "40 digest of another file": Hostile(_other_digest, "does not match its SHA-256 digest"),
}
"""The forty of the design, by number."""


def _drop_mean(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    del tensors["scorer.mean"]


def _shorten_mean(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["scorer.mean"] = tensors["scorer.mean"][:2]


def _unsort(manifest: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    tensors["calibration.scores"][0] = 1e9


def _odd_flag(path: Path, data: bytes) -> None:
    """Write a flag of 2, which torch would turn into 1 while it saves, with digests that are right for it."""
    header, manifest = header_of(data), take_apart(data)[0]
    start = 8 + int.from_bytes(data[:8], "little") + header["scorer.fitted"]["data_offsets"][0]
    manifest["tensors"]["scorer.fitted"] = hashlib.sha256(b'["scorer.fitted","BOOL",[]]\x02').hexdigest()
    del manifest["sha256"]
    manifest["sha256"] = hashlib.sha256(canonical(manifest).encode()).hexdigest()
    header["__metadata__"][METADATA_KEY] = canonical(manifest)
    path.write_bytes(with_header(header, data[:start] + b"\x02" + data[start + 1 :]))


def _huge(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.truncate(path, 2**31)


def _quotes(data: bytes) -> bytes:
    return with_header(b'"' + b'\\"' * 400_000, data)


def _loop(path: Path, data: bytes) -> None:
    path.symlink_to(path)


MORE_HOSTILE: dict[str, Hostile] = {
    "a gap": Hostile(
        _entry("data_offsets", lambda offsets: [offset + 4 for offset in offsets]), "tensors overlap or leave a gap"
    ),
    "huge width": Hostile(_part("scorer", "dim", 2**31), "scorer.dim 2147483648, not 1 to"),
    "huge hidden layer": Hostile(_option("scorer", "hidden", 2**31), "Its options (describe|make)"),
    "large hidden layer": Hostile(_option("scorer", "hidden", 2**16), "more than the file holds"),
    "other hidden layer": Hostile(_option("scorer", "hidden", 9), r"needs float32 \[9, 12\]"),
    "long window": Hostile(_part("scorer", "window", 2**16), "more than the file holds"),
    "huge calibration": Hostile(_part("calibration", "size", 2**24), "more than the file holds"),
    "huge observation": Hostile(_part("encoder", "obs_shape", [2**24] * 8), "The encoder gives"),
    "odd observation": Hostile(_part("encoder", "obs_shape", [3.0]), "encoder.obs_shape"),
    "tensor missing": Hostile(signed(_drop_mean), "Tensor 'scorer.mean' is missing"),
    "tensor of another shape": Hostile(signed(_shorten_mean), "Tensor 'scorer.mean' is F32"),
    "infinite weight": Hostile(_filled("scorer.embed.1.weight", float("inf")), "holds inf"),
    "limit of the wrong sign": Hostile(_filled("mode.low", float("inf")), "'mode.low' holds inf"),
    "NaN limit": Hostile(_filled("mode.high", float("nan")), "'mode.high' holds nan"),
    "zero scale": Hostile(_filled("mode.scale", 0.0), "'mode.scale' must be above 0"),
    "flag of 2": Hostile(_odd_flag, "flags that are neither 0 nor 1"),
    "not fitted": Hostile(_filled("scorer.fitted", 0.0), "before it was fitted"),
    "empty calibration": Hostile(_filled("calibration.count", 0), "count 0, not 1 to 64"),
    "unsorted calibration": Hostile(signed(_unsort), "in rising order"),
    "option of another type": Hostile(_option("mode", "smoothing", True), "smoothing must be float"),
    "option out of range": Hostile(_option("mode", "smoothing", 2.0), r"smoothing lies in \[0, 1\)"),
    "note that is a list": Hostile(_part("", "note", []), "note '?\\[\\]'?, not a dict"),
    "other metadata": Hostile(relaid(lambda header: header.update(__metadata__={"format": "pt"})), "did not write it"),
    "newer schema": Hostile(unsigned(lambda manifest: manifest.update(schema=2)), "schema 2, written by tsreward"),
    "schema of another type": Hostile(unsigned(lambda manifest: manifest.update(schema=True)), "no tsreward writes"),
    "edited note": Hostile(unsigned(lambda manifest: manifest.update(note={"seed": 1})), "was edited"),
    "2 GiB": Hostile(_huge, "has 2147483648 bytes"),
    "empty": Hostile(wrote(lambda _: b""), NO_MODEL_FILE),
    "open string of quotes": Hostile(wrote(_quotes), "JSON is broken"),
    "number too large": Hostile(wrote(lambda data: with_header(b'{"a":1e400}', data)), "number '1e400'"),
    "long integer": Hostile(wrote(lambda data: with_header(b'{"a":' + b"9" * 5000 + b"}", data)), "5000 digits"),
    "NaN in JSON": Hostile(wrote(lambda data: with_header(b'{"a":NaN}', data)), "number NaN"),
    "control characters": Hostile(_part("scorer", "name", "\x1b[2Jknn"), r"Unknown scorer '\\x1b\[2Jknn'"),
    "circular link": Hostile(_loop, "It cannot be read"),
    "missing": Hostile(lambda path, data: None, "There is no such file"),
}
"""Further files, each for a check that the forty do not reach."""


def write_hostile(folder: Path, cases: dict[str, Hostile]) -> dict[str, Path]:
    """Write the cases into a folder; return the path of each."""
    data = file_bytes(fitted())
    paths = {}
    for name, case in cases.items():
        path = folder / f"{name.replace(' ', '-').replace('^', '')}.safetensors"
        paths[name] = case.make(path, data) or path
    return paths
