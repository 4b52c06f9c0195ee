"""What somebody was seen doing, as episodes: recorded observations, Minari datasets, videos and pictures."""

from __future__ import annotations

from pathlib import Path

from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import episodes_from, is_episodes
from tsreward.data.minari import is_minari, load_minari, minari_source
from tsreward.data.video.pictures import SUFFIXES
from tsreward.data.video.reading import VIDEOS, read_frames
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, ShapeError
from tsreward.files import natural_key
from tsreward.sequences.episodes import Episode


def load_recordings(
    path: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
) -> list[Episode]:
    """Return the episodes of a file of `save_episodes`, of a Minari dataset (minari:ID), or of frames.

    Of frames, a video, an array or a folder of pictures is one episode, and a folder of videos, or of folders of
    pictures, is one episode each. `options`, `frame_skip` and `rate` are those of `read_frames`.

    Raises:
        DataError: nothing there, nothing that is known, damage, or a film of a single frame.
        OptionError: a mask outside the frames, or frame_skip below 1.
        MissingExtraError: a package that reads them is not installed.
    """
    path = Path(path)
    if is_minari(path):
        return load_minari(minari_source(path))
    if not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    if path.is_file() and path.suffix.lower() not in VIDEOS:
        arrays = read_arrays(path)
        if is_episodes(arrays):
            return episodes_from(arrays, path)
    return [_episode(film, options, frame_skip, rate) for film in _films(path)]


def _films(path: Path) -> list[Path]:
    """Return the films in a folder of films, else what was named."""
    if not path.is_dir():
        return [path]
    inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    if any(entry.suffix.lower() in SUFFIXES for entry in inside):
        return [path]
    films = [entry for entry in inside if entry.is_dir() or entry.suffix.lower() in VIDEOS]
    if not films:
        raise DataError(f"{path} holds neither videos ({', '.join(VIDEOS)}) nor pictures ({', '.join(SUFFIXES)}).")
    return sorted(films, key=lambda film: (natural_key(film.stem), film.name))


def _episode(film: Path, options: FrameOptions, frame_skip: int, rate: float | None) -> Episode:
    frames = read_frames(film, options, frame_skip, rate)
    try:
        return Episode(frames)
    except ShapeError as error:
        raise DataError(f"{film} shows {len(frames)} frame, and an episode has two or more: leave it out.") from error
