"""What somebody was seen doing, as episodes: recorded observations, Minari datasets, videos and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import is_episodes
from tsreward.data.films import is_film, read_films
from tsreward.data.flat_arrays import is_flat
from tsreward.data.hdf5 import is_hdf5
from tsreward.data.lerobot import is_lerobot
from tsreward.data.minari import is_minari
from tsreward.data.rows import Tell, tell_reading
from tsreward.data.sources import read_data
from tsreward.data.video.reading import VIDEOS
from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.frames import FrameOptions
from tsreward.encoders.picture_shapes import are_pictures
from tsreward.errors import DataError, OptionError
from tsreward.sequences.episodes import Episode


def load_recordings(
    path: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
    repair: PictureRepair = PictureRepair(),  # noqa: B008 - frozen
) -> list[Episode]:
    """Return the episodes of everything that `read_data` reads; arrays that are no rows of episodes are frames.

    Of frames, a video, an array or a folder of pictures is one episode, and a folder of videos, or of folders of
    pictures, is one episode each.

    Args:
        path: what is read.
        options, frame_skip, rate: of frames, as for `read_frames`.
        columns: what columns or arrays are.
        tell: is given a line where something was decided or left out.
        repair: what is done to pictures, first of all.

    Raises:
        DataError: nothing there, nothing that is known, damage, or a film of a single frame.
        OptionError: a mask outside the frames, or frame_skip below 1.
        MissingExtraError: a package that reads them is not installed.
    """
    path = Path(path)
    if not is_minari(path) and not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    if _holds_frames(path, columns):
        return read_films(path, options, frame_skip, rate, columns, repair).episodes
    if is_film_path(path) and repair.changed():
        reading = read_films(path, options, frame_skip, rate, columns, repair)
        tell_reading(path, (), reading, tell)
        return reading.episodes
    decided, reading = read_data(path, columns, options, frame_skip, rate)
    tell_reading(path, decided, reading, tell)
    return _repaired(reading.episodes, repair)


def is_film_path(path: Path) -> bool:
    """Tell whether a path names films, and no dataset that has folders of them."""
    dataset = is_minari(path) or is_lerobot(path) or (path / "data" / "metadata.json").is_file()
    return not dataset and is_film(path)


def _repaired(episodes: Sequence[Episode], repair: PictureRepair) -> list[Episode]:
    if not repair.changed():
        return list(episodes)
    return [replace(episode, obs=repair.apply(_pictures(episode.obs))) for episode in episodes]


def _pictures(obs: np.ndarray) -> np.ndarray:
    if not are_pictures(obs):
        raise OptionError(f"There is nothing to repair in observations {list(obs.shape[1:])}, which are no pictures.")
    return obs


def _is_rows(path: Path) -> bool:
    return is_hdf5(path) or path.name.lower().endswith((".csv", ".csv.gz", ".parquet")) or path.suffix.lower() in VIDEOS


def _holds_frames(path: Path, columns: DataColumns) -> bool:
    """Tell whether a file of arrays holds frames, and neither episodes nor rows of them."""
    if is_minari(path) or path.is_dir() or _is_rows(path) or columns.named:
        return False
    arrays = read_arrays(path)
    return not is_episodes(arrays) and not is_flat([*arrays])
