"""Arrays out of HDF5 files; what points outside of its file is refused before anything of it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.memory import check_memory
from tsreward.errors import DataError, TSRewardError, missing_extra

HDF5 = (".h5", ".hdf5", ".hdf", ".he5")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Tell whether a path names an HDF5 file, by its ending or its first bytes."""
    if path.suffix.lower() in HDF5:
        return True
    try:
        if not path.is_file():  # to open a pipe is to wait for ever
            return False
        with path.open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


class Hdf5Arrays:
    """The arrays of an open file by their paths, such as "infos/qpos"; text is none."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file
        self._taken: dict[str, int] = {}
        self._shapes = {
            name: dataset.shape for name, dataset in _datasets(path, file) if dataset.dtype.kind in "biufSO"
        }

    @property
    def names(self) -> list[str]:
        """The paths of all arrays."""
        return [name for name, shape in self._shapes.items() if shape]

    def check_each(self) -> None:
        """Check that each array alone may be read, for who reads them by itself.

        Raises:
            DataError: one takes more memory than the file may.
        """
        for name in self._shapes:
            check_memory(self.path, self._file[name].nbytes, f"'{name}'")

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return self._shapes[name]

    def read(self, name: str) -> np.ndarray:
        """Return an array of numbers or, of names of episodes, of text.

        Raises:
            DataError: it is damaged, is neither, or promises more than the file can hold.
        """
        dataset = self._file[name]
        self._taken[name] = dataset.nbytes
        check_memory(self.path, sum(self._taken.values()), f"'{name}', with what was read before,")
        try:
            values = dataset[()]
        except Exception as error:  # h5py raises a dozen types for the ways to damage a file
            raise _damaged(self.path, error, f" at '{name}'") from error
        if values.dtype.kind in "SO":
            if not all(isinstance(value, bytes | str) for value in values.ravel()):
                raise DataError(f"{self.path}: '{name}' holds neither numbers nor text: leave it out with --ignore.")
            values = np.array(
                [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
            )
        return values


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5Arrays]:
    """Open a file for reading, after a look at all that it holds.

    Raises:
        DataError: it is missing, damaged or no HDF5 file, or reads other files.
        MissingExtraError: h5py is not installed.
    """
    h5py = import_h5py()
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        file = h5py.File(path, "r")
    except Exception as error:
        raise _damaged(path, error) from error
    with file:
        yield Hdf5Arrays(path, file)


def import_h5py() -> Any:
    """Return the module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "minari") from error
    return h5py


def _datasets(path: Path, file: Any) -> Iterator[tuple[str, Any]]:
    """Yield the datasets of a file with their paths, in the order in which groups list them.

    External links, datasets that are stored in other files and virtual ones would let a file read whatever its reader
    may read.
    """
    h5py = import_h5py()
    todo: list[tuple[str, Any]] = [("", file)]
    seen: set[Any] = set()
    found: list[tuple[str, Any]] = []
    try:
        while todo:
            within, group = todo.pop(0)
            for key in group:
                name = f"{within}{key}"
                if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
                    raise _refused(path, name, "is a link to another file")
                entry = group.get(key)
                if entry is None:  # a link within the file that leads nowhere
                    continue
                if isinstance(entry, h5py.Group):
                    place = h5py.h5o.get_info(entry.id).addr
                    if place not in seen:  # links may go in a circle
                        seen.add(place)
                        todo.append((f"{name}/", entry))
                elif isinstance(entry, h5py.Dataset):
                    if entry.is_virtual:
                        raise _refused(path, name, "is a virtual dataset, which is made of other files")
                    if entry.external:
                        raise _refused(path, name, "is stored in another file")
                    found.append((name, entry))
    except TSRewardError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    yield from found


def _refused(path: Path, name: str, why: str) -> DataError:
    return DataError(
        f"{path}: '{name}' {why}, which is not followed: write all arrays into one file with h5repack or h5py."
    )


def _damaged(path: Path, error: Exception, where: str = "") -> DataError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return DataError(f"{path} is damaged or no HDF5 file{where} ({reason}): copy it again.")
