"""Videos, pictures and arrays of frames as episodes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tsreward.data.columns import ANY_DATA, DataColumns
from tsreward.data.rows import Reading
from tsreward.data.video.pictures import SUFFIXES
from tsreward.data.video.reading import VIDEOS, read_frames
from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.files import natural_key
from tsreward.options import flag
from tsreward.sequences.episodes import Episode


def is_film(path: Path) -> bool:
    """Tell whether a path names a video, by its ending, or a folder with videos, pictures, or folders in it."""
    if path.is_dir():
        inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        return any(entry.is_dir() or entry.suffix.lower() in (*SUFFIXES, *VIDEOS) for entry in inside)
    return path.suffix.lower() in VIDEOS


def read_films(
    path: Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    repair: PictureRepair = PictureRepair(),  # noqa: B008 - frozen
) -> Reading:
    """Return one episode of a video, an array or a folder of pictures, or one each of a folder of these.

    Args:
        path: what is read.
        options, frame_skip, rate: as for `read_frames`.
        columns: whether films that cannot be used are left out; nothing else in it is about films.
        repair: what is done to pictures, first of all.

    Raises:
        DataError: nothing there, nothing that is known, damage, or a film of a single frame.
        OptionError: a mask outside the frames, frame_skip below 1, or options about columns.
        MissingExtraError: a package that reads them is not installed.
    """
    if columns.named:
        named = ", ".join(map(flag, sorted(columns.changed().keys() - ANY_DATA)))
        raise OptionError(f"{path} shows frames and has no columns: leave {named} out.")
    reading = Reading()
    for film in films(path):
        reading.add(film.name, partial(_episode, film, options, frame_skip, rate, repair), columns.skip_bad_episodes)
    return reading.finish(path)


def films(path: Path) -> list[Path]:
    """Return the films in a folder of films, else what was named.

    Raises:
        DataError: a folder without videos and pictures.
    """
    if not path.is_dir():
        return [path]
    inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    if any(entry.suffix.lower() in SUFFIXES for entry in inside):
        return [path]
    films = [entry for entry in inside if entry.is_dir() or entry.suffix.lower() in VIDEOS]
    if not films:
        raise DataError(f"{path} holds neither videos ({', '.join(VIDEOS)}) nor pictures ({', '.join(SUFFIXES)}).")
    return sorted(films, key=lambda film: (natural_key(film.stem), film.name))


def _episode(film: Path, options: FrameOptions, frame_skip: int, rate: float | None, repair: PictureRepair) -> Episode:
    frames = read_frames(film, options, frame_skip, rate, repair)
    try:
        return Episode(frames)
    except ShapeError as error:
        raise DataError(f"{film} shows {len(frames)} frame, and an episode has two or more: leave it out.") from error
