"""Commands over a folder of files: one work unit for every file, into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tsreward.cli.output import Stages, conclude, print_json
from tsreward.data.sources import digest
from tsreward.distributed.running import PlaceOptions, require, run_units
from tsreward.distributed.units import Unit
from tsreward.errors import DataError, OptionError
from tsreward.files import natural_key


def alone(place: PlaceOptions) -> None:
    """Refuse a place for work that does not fall into units.

    Raises:
        OptionError: it is one file.
    """
    if place != PlaceOptions():
        raise OptionError("--jobs, --ray and --shard share the files of a folder: give a folder as the data.")


def takes_each(data: Path, out: Path | str) -> bool:
    """Tell whether this is a folder whose tables and arrays go into a folder each for itself.

    A data set whose parts lie in folders is one, and so is what goes into one file.
    """
    if not data.is_dir() or Path(out).suffix:
        return False
    kinds = (".csv", ".gz", ".parquet", ".npz", ".npy", ".h5", ".hdf5")
    return any(path.is_file() and path.suffix.lower() in kinds for path in data.iterdir())


def over_folder(
    data: Path,
    out: Path,
    suffix: str | None,
    depends: Mapping[str, Any],
    task: Callable[[Path], Callable[[Path], object]],
    place: PlaceOptions,
    as_document: bool,
) -> int:
    """Do a command for every file of a folder, and return the exit code.

    Args:
        data: the folder; what lies in it in folders is left alone, and what begins with a dot.
        out: the folder of the results.
        suffix: of the results; None is that of each file.
        depends: what a result depends on but for its file.
        task: file -> what writes its result.
        place: where it is done.
        as_document: print the result as one JSON document.

    Raises:
        DataError: the folder has no files, or some failed.
    """
    if out.exists() and not out.is_dir():
        raise OptionError(f"--out {out} is a file, and {data} is a folder: name a folder, which gets a file for each.")
    files = sorted(
        (path for path in data.iterdir() if path.is_file() and not path.name.startswith(".")),
        key=lambda path: natural_key(path.name),
    )
    if not files:
        raise DataError(f"{data} holds no files: name a folder with files of the data.")
    units = [
        Unit(path.stem, {**depends, "data": digest(path)}, task(path), path.suffix if suffix is None else suffix)
        for path in files
    ]
    with Stages() as stages:
        report = stages(f"{len(files)} files")
        done = run_units(units, out, place, report)
    require(done)
    if as_document:
        print_json({"folder": str(out), "done": list(done.done), "there": list(done.there)})
        return 0
    share = "" if place.shard is None else f" of share {place.shard}"
    told = f"{len(done.done)} files{share} are done, {len(done.there)} were there. Written to {out}."
    conclude(told, ["ls", out])
    return 0
