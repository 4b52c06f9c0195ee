"""Forty files that a loader of models must refuse, and the words that say for what reason it did."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

from tests.reliability import forge
from tests.reliability.models import file_bytes, fitted

NO_MODEL_FILE = "It is no model file"
NO_FILE = "It is a folder, a device or a pipe"


@dataclass(frozen=True)
class Hostile:
    """How to write a hostile file, and what the refusal says."""

    make: forge.Make
    message: str


HOSTILE: dict[str, Hostile] = {
    "01 pickle": Hostile(forge.wrote(lambda _: pickle.dumps(forge.Attack())), NO_MODEL_FILE),
    "02 cloudpickle": Hostile(
        forge.wrote(lambda _: forge.pickled_call("cloudpickle.cloudpickle", "subimport")), NO_MODEL_FILE
    ),
    "03 joblib": Hostile(
        forge.wrote(lambda _: forge.pickled_call("joblib.numpy_pickle", "NumpyArrayWrapper")), NO_MODEL_FILE
    ),
    "04 dill": Hostile(forge.wrote(lambda _: forge.pickled_call("dill._dill", "_import_module")), NO_MODEL_FILE),
    "05 torch zip": Hostile(forge.wrote(forge.torch_zip), NO_MODEL_FILE),
    "06 torch tar": Hostile(forge.wrote(forge.torch_tar), NO_MODEL_FILE),
    "07 sb3 zip": Hostile(forge.wrote(forge.sb3_zip), NO_MODEL_FILE),
    "08 npz of objects": Hostile(forge.wrote(forge.npz_objects), NO_MODEL_FILE),
    "09 dotted class path": Hostile(forge.set_part("scorer", "name", "os.system"), "Unknown scorer 'os.system'"),
    "10 _target_": Hostile(forge.set_part("scorer", "_target_", "os.system"), "unknown key 'scorer._target_'"),
    "11 _instantiator": Hostile(forge.set_option("mode", "_instantiator", "os.system"), "no option '_instantiator'"),
    "12 yaml tag": Hostile(
        forge.set_part("mode", "name", "!!python/object/apply:os.system"), "Unknown reward mode '!!python"
    ),
    "13 jinja template": Hostile(
        forge.set_option("scorer", "network", "{{ ''.__class__.__mro__ }}"), "network must be"
    ),
    "14 expression": Hostile(
        forge.set_option("scorer", "hidden", "__import__('os').getpid()"), "hidden must be an integer"
    ),
    "15 path traversal": Hostile(forge.extra_tensor("../../../etc/cron.d/x"), "does not belong to the model"),
    "16 absolute path": Hostile(forge.set_part("encoder", "name", "/etc/passwd"), "Unknown encoder '/etc/passwd'"),
    "17 symbolic link to a device": Hostile(forge.symlink_to_device, NO_FILE),
    "18 device": Hostile(lambda path, data: Path("/dev/zero"), NO_FILE),
    "19 pipe": Hostile(lambda path, data: os.mkfifo(path), NO_FILE),
    "20 folder": Hostile(lambda path, data: path.mkdir(), NO_FILE),
    "21 header of 2^63": Hostile(forge.claims(2**63), NO_MODEL_FILE),
    "22 negative header": Hostile(forge.claims(2**64 - 8), NO_MODEL_FILE),
    "23 header beyond the file": Hostile(forge.claims(900_000), "It ends inside its header of 900000 bytes"),
    "24 header of 101 MB": Hostile(forge.sparse_header, NO_MODEL_FILE),
    "25 no JSON": Hostile(
        forge.wrote(lambda data: forge.with_header(b"{scorer: yes}", data)), "JSON is broken at character 1"
    ),
    "26 no UTF-8": Hostile(forge.wrote(lambda data: forge.with_header(b'{"\xff":1}', data)), "not UTF-8 at byte 2"),
    "27 nesting": Hostile(
        forge.wrote(lambda data: forge.with_header(b"[" * 10_000 + b"]" * 10_000, data)), "nested deeper than"
    ),
    "28 duplicate keys": Hostile(forge.wrote(lambda data: forge.with_header(b'{"a":1,"a":2}', data)), "key 'a' twice"),
    "29 overlapping offsets": Hostile(
        forge.set_entry("data_offsets", lambda offsets: [offset - 4 for offset in offsets]),
        "tensors overlap or leave a gap",
    ),
    "30 shape product overflow": Hostile(
        forge.set_entry("shape", lambda _: [2**62, 2**62, 16]), "needs .* bytes and has 24"
    ),
    "31 dtype and length": Hostile(forge.set_entry("dtype", lambda _: "F32"), "needs 12 bytes and has 24"),
    "32 unknown dtype": Hostile(forge.set_entry("dtype", lambda _: "OBJECT"), "has dtype 'OBJECT'"),
    "33 a million tensors": Hostile(forge.wrote(forge.million_tensors), NO_MODEL_FILE),
    "34 zip bomb": Hostile(forge.wrote(forge.zip_bomb), NO_MODEL_FILE),
    "35 NaN weights": Hostile(
        forge.set_last("scorer.embed.1.weight", float("nan")), "'scorer.embed.1.weight' holds nan"
    ),
    "36 huge window": Hostile(forge.set_part("scorer", "window", 2**31), "scorer.window 2147483648, not 1 to"),
    "37 negative std": Hostile(forge.set_last("scorer.std", -1.0), "'scorer.std' must not be negative"),
    "38 NaN threshold": Hostile(forge.set_last("mode.threshold", float("nan")), "'mode.threshold' holds nan"),
    "39 digest removed": Hostile(forge.unsigned(lambda manifest: manifest.pop("sha256")), "has no digest"),
    "40 digest of another file": Hostile(forge.other_digest, "does not match its SHA-256 digest"),
}
"""The forty of the design, by number."""

MORE_HOSTILE: dict[str, Hostile] = {
    "a gap": Hostile(
        forge.set_entry("data_offsets", lambda offsets: [offset + 4 for offset in offsets]),
        "tensors overlap or leave a gap",
    ),
    "huge width": Hostile(forge.set_part("scorer", "dim", 2**31), "scorer.dim 2147483648, not 1 to"),
    "huge hidden layer": Hostile(forge.set_option("scorer", "hidden", 2**31), "Its options (describe|make)"),
    "large hidden layer": Hostile(forge.set_option("scorer", "hidden", 2**16), "more than the file holds"),
    "other hidden layer": Hostile(forge.set_option("scorer", "hidden", 9), r"needs float32 \[9, 12\]"),
    "long window": Hostile(forge.set_part("scorer", "window", 2**16), "more than the file holds"),
    "huge calibration": Hostile(forge.set_part("calibration", "size", 2**24), "more than the file holds"),
    "huge observation": Hostile(forge.set_part("encoder", "obs_shape", [2**24] * 8), "The encoder gives"),
    "endless layers": Hostile(forge.signed(forge.endless_layers), "far more tensors than the file holds"),
    "five thousand tensors": Hostile(forge.relaid(forge.many_tensors), r"has 50\d\d tensors"),
    "odd observation": Hostile(forge.set_part("encoder", "obs_shape", [3.0]), "encoder.obs_shape"),
    "tensor missing": Hostile(forge.signed(forge.drop_mean), "Tensor 'scorer.mean' is missing"),
    "tensor of another shape": Hostile(forge.signed(forge.shorten_mean), "Tensor 'scorer.mean' is F64"),
    "infinite weight": Hostile(forge.set_last("scorer.embed.1.weight", float("inf")), "holds inf"),
    "limit of the wrong sign": Hostile(forge.set_last("mode.low", float("inf")), "'mode.low' holds inf"),
    "NaN limit": Hostile(forge.set_last("mode.high", float("nan")), "'mode.high' holds nan"),
    "zero scale": Hostile(forge.set_last("mode.scale", 0.0), "'mode.scale' must be above 0"),
    "flag of 2": Hostile(forge.odd_flag, "flags that are neither 0 nor 1"),
    "not fitted": Hostile(forge.set_last("scorer.fitted", 0.0), "before it was fitted"),
    "empty calibration": Hostile(forge.set_last("calibration.count", 0), "count 0, not 1 to 64"),
    "unsorted calibration": Hostile(forge.signed(forge.unsort), "in rising order"),
    "option of another type": Hostile(
        forge.set_option("mode", "smoothing", True), r"smoothing must be a number in \[0"
    ),
    "option out of range": Hostile(forge.set_option("mode", "smoothing", 2.0), r"smoothing must be a number in \[0"),
    "note that is a list": Hostile(forge.set_part("", "note", []), "note '?\\[\\]'?, not a dict"),
    "other metadata": Hostile(
        forge.relaid(lambda header: header.update(__metadata__={"format": "pt"})), "did not write it"
    ),
    "newer schema": Hostile(
        forge.unsigned(lambda manifest: manifest.update(schema=2)), "schema 2, written by tsreward"
    ),
    "schema of another type": Hostile(
        forge.unsigned(lambda manifest: manifest.update(schema=True)), "no tsreward writes"
    ),
    "edited note": Hostile(forge.unsigned(lambda manifest: manifest.update(note={"seed": 1})), "was edited"),
    "2 GiB": Hostile(forge.large_file, "has 2147483648 bytes"),
    "empty": Hostile(forge.wrote(lambda _: b""), NO_MODEL_FILE),
    "open string of quotes": Hostile(forge.wrote(forge.open_string), "JSON is broken"),
    "number too large": Hostile(forge.wrote(lambda data: forge.with_header(b'{"a":1e400}', data)), "number '1e400'"),
    "long integer": Hostile(
        forge.wrote(lambda data: forge.with_header(b'{"a":' + b"9" * 5000 + b"}", data)), "5000 digits"
    ),
    "NaN in JSON": Hostile(forge.wrote(lambda data: forge.with_header(b'{"a":NaN}', data)), "number NaN"),
    "control characters": Hostile(forge.set_part("scorer", "name", "\x1b[2Jknn"), r"Unknown scorer '\\x1b\[2Jknn'"),
    "circular link": Hostile(forge.circular_link, "It cannot be read"),
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
