"""What somebody was seen doing, as episodes: recorded observations, Minari datasets, videos and pictures."""

from __future__ import annotations

from pathlib import Path

from tsreward.data.arrays import read_arrays
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import is_episodes
from tsreward.data.films import read_films
from tsreward.data.flat_arrays import is_flat
from tsreward.data.hdf5 import is_hdf5
from tsreward.data.minari import is_minari
from tsreward.data.rows import Tell, tell_reading
from tsreward.data.sources import read_data
from tsreward.data.video.reading import VIDEOS
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError
from tsreward.sequences.episodes import Episode


def load_recordings(
    path: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    tell: Tell | None = None,
) -> list[Episode]:
    """Return the episodes of everything that `read_data` reads; arrays that are no rows of episodes are frames.

    Of frames, a video, an array or a folder of pictures is one episode, and a folder of videos, or of folders of
    pictures, is one episode each.

    Args:
        path: what is read.
        options, frame_skip, rate: of frames, as for `read_frames`.
        columns: what columns or arrays are.
        tell: is given a line where something was decided or left out.

    Raises:
        DataError: nothing there, nothing that is known, damage, or a film of a single frame.
        OptionError: a mask outside the frames, or frame_skip below 1.
        MissingExtraError: a package that reads them is not installed.
    """
    path = Path(path)
    if not is_minari(path) and not path.exists():
        raise DataError(f"There is no file or folder {path}.")
    if _holds_frames(path, columns):
        return read_films(path, options, frame_skip, rate, columns).episodes
    decided, reading = read_data(path, columns, options, frame_skip, rate)
    tell_reading(path, decided, reading, tell)
    return reading.episodes


def _is_rows(path: Path) -> bool:
    return is_hdf5(path) or path.name.lower().endswith((".csv", ".csv.gz", ".parquet")) or path.suffix.lower() in VIDEOS


def _holds_frames(path: Path, columns: DataColumns) -> bool:
    """Tell whether a file of arrays holds frames, and neither episodes nor rows of them."""
    if is_minari(path) or path.is_dir() or _is_rows(path) or columns.named:
        return False
    arrays = read_arrays(path)
    return not is_episodes(arrays) and not is_flat([*arrays])
