"""HDF5 files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np


def outward(file: Any, name: str, form: str, folder: Path) -> None:
    """Put something into an open file that reads another one: a link, directly or not, an array stored there, or a
    virtual one."""
    with h5py.File(folder / "other.h5", "w") as other:
        other["secret"] = np.arange(4.0)
    if form == "link":
        file[name] = h5py.ExternalLink(str(folder / "other.h5"), "secret")
    elif form == "link by a link":  # in the file itself, to what leads out of it
        file["zz"] = h5py.ExternalLink(str(folder / "other.h5"), "/")
        file[name] = h5py.SoftLink("/zz/secret")
    elif form == "storage":
        (folder / "raw.bin").write_bytes(np.arange(4.0).tobytes())
        file.create_dataset(name, (4,), "f8", external=[(str(folder / "raw.bin"), 0, 32)])
    else:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", (4,))
        file.create_virtual_dataset(name, layout)
