"""Saving and loading model files."""

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
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tsreward.encoders.base import ENCODERS, Encoder
from tsreward.errors import CheckpointError, NotFittedError, OptionError, TSRewardError, shown
from tsreward.files import write_atomic
from tsreward.functional.seeding import seeded
from tsreward.io.header import DTYPES, Entry, metadata_text, read_entries, read_header
from tsreward.io.manifest import check_digests, describe_parts, pack, read_manifest
from tsreward.io.values import check_values
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.base import MODES, RewardMode
from tsreward.rewards.calibration import Calibration
from tsreward.scorers.base import SCORERS, Scorer


def assemble(manifest: dict[str, Any]) -> RewardModel:
    """Return the model with fresh weights.

    Raises:
        CheckpointError: an unknown name, or options that do not fit each other.
    """
    encoder, scorer, mode = (manifest[part] for part in ("encoder", "scorer", "mode"))
    try:
        encoder_class, scorer_class, mode_class = _classes(manifest)
        with seeded(0):
            model = RewardModel(
                encoder=encoder_class(
                    _obs_shape(encoder["obs_shape"]), encoder_class.Options.from_json(encoder["options"])
                ),
                scorer=scorer_class(scorer["window"], scorer_class.Options.from_json(scorer["options"])),
                mode=mode_class(mode_class.Options.from_json(mode["options"])),
                frame_skip=manifest["frame_skip"],
                chunk=manifest["chunk"],
            )
            model.scorer.materialise(scorer["dim"])
            model.calibration = Calibration(manifest["calibration"]["size"])
    except CheckpointError:
        raise
    except TSRewardError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:  # whatever a constructor does not check itself: sizes that overflow, or do not divide
        raise CheckpointError(f"Its options make no model ({type(error).__name__}: {shown(str(error))}).") from error
    return model.eval()


def check_against(manifest: dict[str, Any], entries: dict[str, Entry]) -> None:
    """Compare the tensors in the file with those of the model that it describes, which takes no memory for them.

    Raises:
        CheckpointError: names, dtypes or shapes differ, or the model would be larger than the file.
    """
    _classes(manifest)  # modules that are imported for their names make no tensors on the meta device
    largest = max((entry.end - entry.start for entry in entries.values()), default=0)
    with torch.device("meta"), _Blueprint(calls=100 * len(entries) + 1000, numbers=largest + 2**16):
        expected = assemble(manifest).state_dict()
    odd = sorted(set(expected) ^ set(entries))
    if odd:
        problem = "is missing" if odd[0] in expected else "does not belong to the model that the file describes"
        raise CheckpointError(f"Tensor {shown(odd[0])} {problem}.")
    for name, entry in entries.items():
        wanted = expected[name]
        if (DTYPES[entry.dtype], entry.shape) != (wanted.dtype, tuple(wanted.shape)):
            raise CheckpointError(
                f"Tensor {shown(name)} is {entry.dtype} {list(entry.shape)}, and the model that the file describes "
                f"needs {str(wanted.dtype).removeprefix('torch.')} {list(wanted.shape)}."
            )


class _Blueprint(TorchFunctionMode):
    """Stops the construction of a model on the meta device that has more tensors, or larger ones, than a file backs."""

    def __init__(self, calls: int, numbers: int) -> None:
        super().__init__()
        self.calls, self.numbers = calls, numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise CheckpointError("Its options describe a model of far more tensors than the file holds.")
        result = _CHEAP.get(func, func)(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.numel() > self.numbers:
            raise CheckpointError(
                f"Its options describe a model with a tensor of {result.numel()} numbers, more than the file holds."
            )
        return result


def _empty(*sizes: Any, generator: torch.Generator | None = None, **kwargs: Any) -> Tensor:
    return torch.empty(*sizes, **kwargs)


def _empty_square(rows: int, columns: int | None = None, **kwargs: Any) -> Tensor:
    return torch.empty(rows, rows if columns is None else columns, **kwargs)


def _product(first: Tensor, second: Any) -> Tensor:
    return first * second if isinstance(second, Tensor) else first


# On the meta device these import torch's decompositions, 2 s and 70 MB, and only shapes are asked for.
_CHEAP: dict[Any, Any] = {
    torch.eye: _empty_square,
    torch.rand: _empty,
    torch.randn: _empty,
    Tensor.mul: _product,
}


def _classes(manifest: dict[str, Any]) -> tuple[type[Encoder], type[Scorer], type[RewardMode]]:
    """Return the classes that a file names.

    Raises:
        CheckpointError: no installed package has one, or another package than when the file was written.
    """
    try:
        return (
            ENCODERS.find(manifest["encoder"]["name"], manifest["encoder"]["package"]),
            SCORERS.find(manifest["scorer"]["name"], manifest["scorer"]["package"]),
            MODES.find(manifest["mode"]["name"], manifest["mode"]["package"]),
        )
    except OptionError as error:
        raise CheckpointError(str(error)) from error


def _obs_shape(sizes: list[Any]) -> tuple[int, ...]:
    if not 1 <= len(sizes) <= 8 or not all(type(size) is int and 1 <= size <= 2**24 for size in sizes):
        raise CheckpointError(f"Its metadata has encoder.obs_shape {shown(sizes)}, not 1 to 8 sizes of at least 1.")
    return tuple(sizes)


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

    The keys are schema, versions, encoder, scorer, mode, calibration, frame_skip, chunk, note, sha256, bytes, and
    tensors: name -> {"dtype", "shape", "sha256"}.

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
