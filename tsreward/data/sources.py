"""What a path can name, whatever holds the data: one reader for all of it; and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tsreward.data.columns import DataColumns
from tsreward.data.films import is_film, read_films
from tsreward.data.flat_arrays import read_hdf5, read_npz
from tsreward.data.hdf5 import HDF5, is_hdf5
from tsreward.data.lerobot import is_lerobot, read_lerobot
from tsreward.data.logs import is_table, read_table
from tsreward.data.minari import is_minari, minari_folder, minari_source, read_minari
from tsreward.data.rows import Reading, Tell, tell_reading
from tsreward.data.video.pictures import SUFFIXES
from tsreward.data.video.reading import VIDEOS
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError
from tsreward.files import natural_key
from tsreward.sequences.costs import tell_negative
from tsreward.sequences.episodes import Episode


def read_episodes(
    paths: str | Path | Sequence[str | Path],
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
) -> list[Episode]:
    """Return the episodes of everything that `read_data` reads, in order.

    Args:
        paths: what is read: one path or several.
        columns: what the columns or arrays are.
        tell: is given a line for every path of which something was decided or left out.

    Raises:
        DataError: no data, or they are damaged or of different shapes.
        MissingExtraError: a package that reads them is not installed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "steps.csv")
    ...     _ = path.write_text("episode,x,reward\\n1,0.5,1\\n1,0.7,0\\n2,0.1,1\\n")
    ...     [len(episode) for episode in read_episodes(path)]
    [2, 1]
    """
    paths = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    episodes: list[Episode] = []
    for path in paths:
        decided, reading = read_data(path, columns)
        names = (episodes or reading.episodes)[0].columns
        read = [episode.in_order(names, str(paths[0]), str(path)) for episode in reading.episodes]
        first = (episodes or read)[0].obs.shape[1:]
        if wrong := [episode.obs.shape[1:] for episode in read if episode.obs.shape[1:] != first]:
            raise DataError(
                f"{path} holds observations {list(wrong[0])}, but {paths[0]} {list(first)}: give data of one shape."
            )
        tell_reading(path, decided, reading, tell)
        episodes += [part for episode in read for part in episode.stretches()]
    if not episodes:
        raise DataError("No data were given: name at least one file.")
    return episodes


def read_data(
    path: Path,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    frames: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
) -> tuple[Sequence[str], Reading]:
    """Return what was decided about the columns or arrays that a path names, and the episodes.

    Read are: files of `save_episodes`, NPZ and NPY files of arrays, HDF5 files (D4RL, robomimic), tables (CSV,
    Parquet), LeRobot folders, Minari datasets (minari:ID, minari:./FOLDER), videos, folders of videos or of pictures.

    Args:
        path: what is read.
        columns: what the columns or arrays are.
        frames, frame_skip, rate: of videos, as for `read_frames`.

    Raises:
        DataError: nothing there, nothing that is known, damage, or an episode that cannot be used.
        OptionError: options that are about columns, for what has none.
        MissingExtraError: a package that reads it is not installed.
    """
    decided, reading = _read_as_it_is(path, columns, frames, frame_skip, rate)
    layout = columns.frames
    if layout is not None:
        reading.episodes = [replace(one, obs=layout.frames_of(one.obs)) for one in reading.episodes]
    return decided, reading


def _read_as_it_is(
    path: Path, columns: DataColumns, frames: FrameOptions, frame_skip: int, rate: float | None
) -> tuple[Sequence[str], Reading]:
    """Return what `read_data` does, with frames as they stand in the file."""
    if is_minari(path):
        return (), read_minari(minari_source(path), columns)
    if (path / "data" / "metadata.json").is_file():
        return (), read_minari(path, columns)
    decided, reading = _read(path, columns, frames, frame_skip, rate)
    costs = [episode.costs for episode in reading.episodes if episode.costs is not None]
    negative = sum(int((values < 0).sum()) for values in costs)
    tell_negative(f"The cost of {path}", negative, sum(map(len, costs)))
    return decided, reading


def _read(
    path: Path, columns: DataColumns, frames: FrameOptions, frame_skip: int, rate: float | None
) -> tuple[Sequence[str], Reading]:
    """Return what `read_data` does of all but Minari datasets."""
    if is_lerobot(path):
        return read_lerobot(path, columns, frames)
    if is_film(path):
        return (), read_films(path, frames, frame_skip, rate, columns)
    if path.is_dir():
        return _read_folder(path, columns)
    if is_hdf5(path):
        return read_hdf5(path, columns)
    return read_table(path, columns) if is_table(path) else read_npz(path, columns)


def is_streamed(path: Path) -> bool:
    """Tell whether a path names a table, which can be read in chunks (`Log`).

    >>> is_streamed(Path("a.csv")), is_streamed(Path("a.npz")), is_streamed(Path("minari:walk-v0"))
    (True, False, False)
    """
    return not (is_minari(path) or path.is_dir() or is_film(path) or is_hdf5(path)) and is_table(path)


_FILES = (".csv", ".csv.gz", ".parquet", ".npz", ".npy", *HDF5)


def _read_folder(folder: Path, columns: DataColumns) -> tuple[Sequence[str], Reading]:
    """Return what was decided about the files of a folder, and their episodes, in natural order of the names."""
    files = [file for file in folder.iterdir() if file.name.lower().endswith(_FILES) and not file.name.startswith(".")]
    whole, decided = Reading(), list[str]()
    for file in sorted(files, key=lambda file: natural_key(file.name)):

        def make(file: Path = file) -> Reading:
            found, reading = _read_as_it_is(file, columns, FrameOptions(), 1, None)
            decided.extend(one for one in found if one not in decided)
            return reading

        whole.join(file.name, make, columns.skip_bad_episodes)
    if not files:
        raise DataError(
            f"{folder} holds neither videos ({', '.join(VIDEOS)}) nor pictures ({', '.join(SUFFIXES)}), nor files of "
            f"data ({', '.join(_FILES)}), nor is it a LeRobot or Minari dataset."
        )
    return decided, whole.finish(folder)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files of a Minari dataset or a folder.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if not is_minari(path) and not path.is_dir():
            if path.exists() and not path.is_file():
                raise DataError(f"{path} is a device, a pipe or a socket, and no file: name a file.")
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        folder = minari_folder(minari_source(path)) if is_minari(path) else path
        whole = hashlib.sha256()
        for name in sorted(found for found in folder.rglob("*") if found.is_file()):
            with name.open("rb") as file:
                part = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{part}  {name.relative_to(folder).as_posix()}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): keep it until the command ends.") from error
