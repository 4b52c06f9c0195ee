"""Files of fitted things: written and read back with every check, whatever the kind of thing."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialise
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tsreward.errors import CheckpointError, TSRewardError, shown
from tsreward.files import write_atomic
from tsreward.functional.seeding import seeded
from tsreward.io.header import DTYPES, Entry, metadata_text, read_entries, read_header
from tsreward.io.manifest import check_digests, kind_of, pack, read_manifest

T = TypeVar("T")
U = TypeVar("U")
_LOADERS = {"model": "tsreward.load", "detector": "tsreward.load_detector"}


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of thing that files hold: how it is made from a manifest, and which tensors of a file it then takes."""

    name: str
    """model or detector."""
    classes: Callable[[dict[str, Any]], object]
    """Looks up the classes that a manifest names, so that their modules are imported."""
    make: Callable[[dict[str, Any]], T]
    """Manifest -> the thing with fresh numbers."""
    tensors: Callable[[T], dict[str, Tensor]]
    """The numbers of the thing by name, sharing its memory."""
    check: Callable[[dict[str, Tensor]], None]
    """Refuses finite numbers that nothing fitted has."""

    def look_up(self, manifest: dict[str, Any]) -> None:
        """Import what the manifest names.

        Raises:
            CheckpointError: no installed package has it, or another package than when the file was written.
        """
        self._checked(self.classes, manifest)

    def assemble(self, manifest: dict[str, Any]) -> T:
        """Return the thing with fresh numbers.

        Raises:
            CheckpointError: an unknown name, or options that do not fit each other.
        """
        with seeded(0):
            return self._checked(self.make, manifest)

    def _checked(self, of: Callable[[dict[str, Any]], U], manifest: dict[str, Any]) -> U:
        try:
            return of(manifest)
        except CheckpointError:
            raise
        except TSRewardError as error:
            raise CheckpointError(str(error)) from error
        except Exception as error:  # what a constructor does not check itself: sizes that overflow, or do not divide
            raise CheckpointError(
                f"Its options make no {self.name} ({type(error).__name__}: {shown(str(error))})."
            ) from error


def write(kind: Kind[Any], path: Path | str, manifest: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write one file atomically, after it was read back from memory.

    Raises:
        CheckpointError: `read` would refuse the file, e.g. because a weight is NaN.
        OptionError: a tensor has a dtype that a file cannot hold.
        DataError: the folder is missing or the disk is full; the previous file stays as it was.
    """
    data = pack(manifest, tensors)
    with _naming(f"The {kind.name} cannot be saved to {path}"):
        _restore(kind, io.BytesIO(data), len(data))
    write_atomic(Path(path), data)


def read(kind: Kind[T], path: Path | str) -> T:
    """Return what stands in a file that `write` wrote, on the CPU.

    Raises:
        CheckpointError: no such file, damage, another kind of file, a newer version, or contents that nothing fitted
            has.
    """
    with _opened(path) as (file, size):
        return _restore(kind, file, size)


def describe(path: Path | str) -> dict[str, Any]:
    """Return what a file of `save` or `save_detector` holds, with all digests checked and without building the thing.

    The keys are schema, versions, the parts (of a model: encoder, scorer, mode, calibration, frame_skip, chunk,
    columns; of a detector: detector, n_features_in, columns, held_out), note, sha256, bytes, and tensors: name -> its
    dtype, shape and sha256.

    Raises:
        CheckpointError: as for `load`, but for what only building the thing shows.
    """
    with _opened(path) as (file, size):
        manifest, entries = _read_head(file, size)
        check_digests(manifest, entries, _read_rest(file, size, (manifest, entries)))
    tensors = {
        name: {"dtype": entry.dtype, "shape": list(entry.shape), "sha256": manifest["tensors"][name]}
        for name, entry in sorted(entries.items())
    }
    return {**manifest, "bytes": size, "tensors": tensors}


def check_against(kind: Kind[Any], manifest: dict[str, Any], entries: dict[str, Entry]) -> None:
    """Compare the tensors in the file with those of the thing that it describes, which takes no memory for them.

    Raises:
        CheckpointError: names, dtypes or shapes differ, or the thing would be larger than the file.
    """
    kind.look_up(manifest)  # modules that are imported for their names make no tensors on the meta device
    largest = max((entry.end - entry.start for entry in entries.values()), default=0)
    with torch.device("meta"), _Blueprint(kind.name, calls=100 * len(entries) + 1000, numbers=largest + 2**16):
        expected = kind.tensors(kind.assemble(manifest))
    odd = sorted(set(expected) ^ set(entries))
    if odd:
        problem = "is missing" if odd[0] in expected else f"does not belong to the {kind.name} that the file describes"
        raise CheckpointError(f"Tensor {shown(odd[0])} {problem}.")
    for name, entry in entries.items():
        wanted = expected[name]
        if (DTYPES[entry.dtype], entry.shape) != (wanted.dtype, tuple(wanted.shape)):
            raise CheckpointError(
                f"Tensor {shown(name)} is {entry.dtype} {list(entry.shape)}, and the {kind.name} that the file "
                f"describes needs {str(wanted.dtype).removeprefix('torch.')} {list(wanted.shape)}."
            )


class _Blueprint(TorchFunctionMode):
    """Stops the construction of a model on the meta device that has more tensors, or larger ones, than a file backs."""

    def __init__(self, kind: str, calls: int, numbers: int) -> None:
        super().__init__()
        self.kind, self.calls, self.numbers = kind, calls, numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise CheckpointError(f"Its options describe a {self.kind} of far more tensors than the file holds.")
        result = _CHEAP.get(func, func)(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.numel() > self.numbers:
            raise CheckpointError(
                f"Its options describe a {self.kind} with a tensor of {result.numel()} numbers, more than the "
                f"file holds."
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


def check_numbers(fresh: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
    """Check the tensors of a file, whose names, dtypes and shapes are those of the `fresh` ones.

    Raises:
        CheckpointError: NaN; infinity where the fresh tensor has none; a flag that is neither 0 nor 1.
    """
    for name, tensor in tensors.items():
        if tensor.dtype == torch.bool:
            if (tensor.reshape(-1).view(torch.uint8) > 1).any():
                raise CheckpointError(f"Tensor {shown(name)} has flags that are neither 0 nor 1.")
        elif tensor.is_floating_point():
            # An unused place of a bank or an open limit is infinite from the start.
            unusual = ~torch.isfinite(tensor) & (tensor != fresh[name])
            if unusual.any():
                value = float(tensor[unusual][0])
                raise CheckpointError(f"Tensor {shown(name)} holds {value}, which nothing fitted has there.")


def require(tensors: dict[str, Tensor], positive: tuple[str, ...], not_negative: tuple[str, ...] = ()) -> None:
    """Check the signs of the tensors whose names end so.

    Raises:
        CheckpointError: a number that must be above 0 is not, or one that must not be negative is.
    """
    for name, tensor in tensors.items():
        if name.endswith(positive) and not (tensor > 0).all():
            raise CheckpointError(f"Tensor {shown(name)} must be above 0, and its smallest value is {tensor.min()}.")
        if name.endswith(not_negative) and not (tensor >= 0).all():
            raise CheckpointError(f"Tensor {shown(name)} must not be negative, got {tensor.min()}.")


Head = tuple[dict[str, Any], dict[str, Entry]]
"""What the file says about itself, and where its tensors lie."""


def _restore(kind: Kind[T], file: BinaryIO, size: int) -> T:
    manifest, entries = _read_head(file, size)
    if (found := kind_of(manifest)) != kind.name:
        raise CheckpointError(f"It holds a {found}, not a {kind.name}: read it with {_LOADERS[found]}.")
    check_against(kind, manifest, entries)
    data = _read_rest(file, size, (manifest, entries))
    check_digests(manifest, entries, data)
    try:
        tensors = deserialise(data)
    except SafetensorError as error:
        raise CheckpointError(f"The safetensors library refuses it ({error}).") from error
    with torch.device("cpu"):
        thing = kind.assemble(manifest)
    fresh = kind.tensors(thing)
    check_numbers(fresh, tensors)
    kind.check(tensors)
    with torch.no_grad():
        for name, tensor in tensors.items():
            fresh[name].copy_(tensor)
    return thing


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
