"""Arrays out of NPY and NPZ files, without pickle; a damaged file is an error that names it."""

from __future__ import annotations

import math
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.lib import format as npy

from tsreward.data.memory import check_memory
from tsreward.errors import DataError

_HEADERS: dict[Any, Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ file by name, or the one of an NPY file under the name "array".

    What they will take is known from their headers before any of them is read.

    Raises:
        DataError: the file is missing, no file, or damaged, an array holds something else than real numbers, or they
            would take more memory than the file may (`tsreward.max_memory`, --max-memory).
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is damaged or not an NPY or NPZ file of plain arrays (it is no file).")
        with path.open("rb") as file:
            begin = file.read(len(npy.MAGIC_PREFIX))
            file.seek(0)
            if begin == npy.MAGIC_PREFIX:
                return {"array": _array(path, "array", file, path.stat().st_size)}
            with zipfile.ZipFile(file) as archive:
                return _members(path, archive)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise a dozen types for the ways to damage a file
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{path} is damaged or not an NPY or NPZ file of plain arrays ({reason}).") from error


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    listed = archive.infolist()
    check_memory(path, sum(member.file_size for member in listed))
    names = [member.filename.removesuffix(".npy") for member in listed]
    for name, member in zip(names, listed, strict=True):
        parts = PurePosixPath(member.filename).parts
        if not member.filename.endswith(".npy") or ".." in parts or member.filename.startswith("/"):
            raise DataError(f"{path} holds {member.filename[:100]!r}, which is no array: write it with numpy.savez.")
        if names.count(name) > 1:
            raise DataError(f"{path} holds two arrays '{name}': write it with numpy.savez.")
    arrays = {}
    for name, member in zip(names, listed, strict=True):
        with archive.open(member) as file:
            arrays[name] = _array(path, name, file, member.file_size)
    return arrays


def _array(path: Path, name: str, file: Any, size: int) -> np.ndarray:
    """Return the array in `size` bytes of an open file, whose header must promise as many."""
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise DataError(f"{path}: array '{name}' must hold real numbers, found the NPY format {version}.")
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.kind not in "biuf":
        if dtype.hasobject:
            raise DataError(f"{path} is damaged or not an NPY or NPZ file of plain arrays ('{name}' holds objects).")
        raise DataError(f"{path}: array '{name}' must hold real numbers, found dtype {dtype}.")
    needed = math.prod(shape) * dtype.itemsize
    if file.tell() + needed != size:
        raise DataError(
            f"{path} is damaged or not an NPY or NPZ file of plain arrays ('{name}' promises {needed:,} bytes, and "
            f"{size - file.tell():,} are there)."
        )
    check_memory(path, needed)
    values = np.empty(math.prod(shape), dtype)
    view: Any = values.view(np.uint8) if needed else None
    done = 0
    while done < needed and (got := file.readinto(view[done:])):
        done += got
    if done < needed or file.read(1):  # the latter checks the sum over what was read
        raise DataError(f"{path} is damaged or not an NPY or NPZ file of plain arrays ('{name}' is cut off).")
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
