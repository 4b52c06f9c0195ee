"""Data of your own in any format that every command reads, as series: tables, arrays, HDF5, LeRobot, Minari."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsreward.data.columns import DataColumns
from tsreward.data.rows import Tell, tell_reading
from tsreward.data.sources import read_data
from tsreward.detection.datasets.reading import LOADERS, check_fraction, split_in_time
from tsreward.errors import DataError, ShapeError
from tsreward.sequences.episodes import filled
from tsreward.sequences.series import DetectionTask, Series


@LOADERS.register("files")
def load_files(
    path: str | Path,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    train_fraction: float = 0.5,
    tell: Tell | None = None,
) -> list[DetectionTask]:
    """Read what `tsreward.data.sources.read_data` reads, and split each series or episode in time.

    The first `train_fraction` of the rows is the training part. Labels are those that the columns tell, or where a cost
    is. Tasks are named after the file, and after the episode where it holds several.

    Raises:
        DataError: a file is missing or malformed, or has no labels.
        OptionError: a fraction that is not between 0 and 1.
        ShapeError: observations that are no rows of numbers.
    """
    check_fraction(train_fraction)
    path = Path(path)
    decided, reading = read_data(path, columns)
    tell_reading(path, decided, reading, tell)
    tasks = []
    for name, episode in zip(reading.names, filled(reading.episodes), strict=True):
        title = path.stem if len(reading.episodes) == 1 else f"{path.stem}-{name}"
        if episode.costs is None:
            raise DataError(f"{path} has no labels, which a benchmark needs: name their column with --label.")
        if episode.obs.ndim != 2:
            raise ShapeError(f"{path} holds observations {list(episode.obs.shape[1:])}, not rows of numbers.")
        names = () if episode.columns is None else episode.columns.names
        labels = np.asarray(episode.costs) > 0
        tasks.append(
            split_in_time(Series(episode.obs[1:], labels, title, names, starts=episode.starts), train_fraction)
        )
    return tasks
