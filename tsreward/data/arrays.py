"""Arrays out of NPY and NPZ files, without pickle; a damaged file is an error that names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsreward.errors import DataError


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ file by name, or the one of an NPY file under the name "array".

    Raises:
        DataError: the file is missing or damaged, or an array holds something else than real numbers.
    """
    try:
        with path.open("rb") as file:  # numpy leaves a damaged file open where it opens it by itself
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                arrays = {"array": loaded}
            else:
                arrays = {name: loaded[name] for name in loaded.files}
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except Exception as error:  # numpy, zipfile and zlib raise a dozen types for the ways to damage a file
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{path} is damaged or not an NPY or NPZ file of plain arrays ({reason}).") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise DataError(f"{path}: array '{name}' must hold real numbers, found dtype {array.dtype}.")
    return arrays
