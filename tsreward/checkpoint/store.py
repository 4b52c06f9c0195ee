"""Save and load fitted models: one .safetensors file, atomic, with digests, and no code in it."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialise

from tsreward.checkpoint.assemble import assemble, check_against
from tsreward.checkpoint.header import Entry, metadata_text, read_entries, read_header
from tsreward.checkpoint.manifest import check_digests, describe_parts, pack, read_manifest
from tsreward.checkpoint.values import check_values
from tsreward.errors import CheckpointError, NotFittedError
from tsreward.files import write_atomic
from tsreward.model import RewardModel

Head = tuple[dict[str, Any], dict[str, Entry]]
"""What the file says about itself, and where its tensors lie."""


def save(model: RewardModel, path: Path | str, note: dict[str, Any] | None = None) -> None:
    """Write a fitted model to one file, which `load` reads again with bit-equal scores.

    `note` is kept in the file: e.g. the seed, the environment and a fingerprint of the data, as plain JSON values. The
    bytes are read back before they replace the file at `path`, all at once, so a file that is there can be loaded. The
    same model, note and versions give the same bytes.

    Raises:
        NotFittedError: the model is not fitted.
        OptionError: a part of the model is not one of this package's, or an option or the note is not plain JSON.
        CheckpointError: `load` would refuse the file, e.g. because a weight is NaN.
        DataError: the folder is missing or the disk is full; the previous file stays as it was.
    """
    if not model.scorer.fitted or not model.calibration.count:
        raise NotFittedError(f"The model is not fitted, so there is nothing to save to {path}: call fit first.")
    data = pack(describe_parts(model, note), model.state_dict())
    with _naming(f"The model cannot be saved to {path}"):
        _restore(io.BytesIO(data), len(data))
    write_atomic(Path(path), data)


def load(path: Path | str) -> RewardModel:
    """Return the model in a file that `save` wrote, on the CPU and ready to score.

    The SHA-256 digests in the file show damage: a flipped bit, a cut, a part of another file. They are no signature:
    who writes a file on purpose can write its digests too. Such a file is safe to open all the same, because nothing
    in it is run and no memory is taken for more than it holds, but its scores are only as good as its author.

    `path` may be a symbolic link to a regular file; devices, pipes and folders are refused.

    Raises:
        CheckpointError: no such file, damage, another kind of file, a newer version, or contents that no fitted model
            has.
    """
    with _opened(path) as (file, size):
        return _restore(file, size)


def describe(path: Path | str) -> dict[str, Any]:
    """Return what a model file holds, with all digests checked and without building the model.

    The keys are schema, versions, encoder, scorer, mode, calibration, skip, chunk, note, sha256, bytes, and tensors:
    name -> {"dtype", "shape", "sha256"}.

    Raises:
        CheckpointError: as for `load`, but for what only building the model shows.
    """
    with _opened(path) as (file, size):
        manifest, entries = _read_head(file, size)
        check_digests(manifest, entries, _read_rest(file, size, (manifest, entries)))
    tensors = {
        name: {"dtype": entry.dtype, "shape": list(entry.shape), "sha256": manifest["tensors"][name]}
        for name, entry in sorted(entries.items())
    }
    return {**manifest, "bytes": size, "tensors": tensors}


def _restore(file: BinaryIO, size: int) -> RewardModel:
    manifest, entries = _read_head(file, size)
    check_against(manifest, entries)
    data = _read_rest(file, size, (manifest, entries))
    check_digests(manifest, entries, data)
    try:
        tensors = deserialise(data)
    except SafetensorError as error:
        raise CheckpointError(f"The safetensors library refuses it ({error}).") from error
    with torch.device("cpu"):
        model = assemble(manifest)
    check_values(model, tensors)
    model.load_state_dict(tensors)
    return model


def _read_head(file: BinaryIO, size: int) -> Head:
    header, start = read_header(file, size)
    # The manifest first: a newer version may lay out its tensors in another way, and has to be named.
    manifest = read_manifest(metadata_text(header))
    return manifest, read_entries(header, start, size)


def _read_rest(file: BinaryIO, size: int, head: Head) -> bytes:
    """Return all bytes of the file, whose head must still be the one that was checked."""
    file.seek(0)
    data = file.read(size + 1)
    if len(data) != size or _read_head(io.BytesIO(data), size) != head:
        raise CheckpointError("It changed while it was read.")
    return data


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file and give its size; whatever goes wrong inside names the file."""
    with _naming(f"{path} cannot be loaded"):
        try:
            # A pipe would block and a device could react: neither is opened. O_NONBLOCK for one that comes in between.
            _require_regular(Path(path).stat())
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                _require_regular(status)
                yield file, status.st_size
        except CheckpointError:
            raise
        except FileNotFoundError as error:
            raise CheckpointError("There is no such file.") from error
        except (OSError, ValueError, MemoryError) as error:  # ValueError: a NUL in the path
            raise CheckpointError(f"It cannot be read ({getattr(error, 'strerror', None) or error}).") from error


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError("It is a folder, a device or a pipe, and not a file.")


@contextmanager
def _naming(what: str) -> Iterator[None]:
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{what}: {error}") from error
