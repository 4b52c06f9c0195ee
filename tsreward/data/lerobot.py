"""LeRobot folders, version 2 and 3: rows in Parquet files, and what cameras saw: videos, or a picture in each row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.data.columns import DataColumns
from tsreward.data.logs import Log, LogChunk, joined, row_data
from tsreward.data.memory import bounded
from tsreward.data.roles import Roles
from tsreward.data.rows import Reading, read_rows
from tsreward.data.tables import ParquetTable, open_table
from tsreward.data.video.pictures import picture
from tsreward.data.video.reading import VIDEOS, batched, frame_batches, gathered
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError
from tsreward.files import natural_key

_INFO = Path("meta") / "info.json"


def is_lerobot(path: Path) -> bool:
    """Tell whether a folder is a LeRobot dataset."""
    return (path / _INFO).is_file()


def read_lerobot(
    folder: Path,
    columns: DataColumns = DataColumns(),  # noqa: B008 - frozen
    frames: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
) -> tuple[Sequence[str], Reading]:
    """Return what was decided about the columns of a LeRobot dataset, and its episodes.

    A row holds the observation that its action is taken at. All columns observation.* are observed that hold numbers;
    `columns.obs` chooses others, or one camera, whose frames are then the observations.

    Raises:
        DataError: the folder is incomplete or damaged, or there is no such column or camera.
        MissingExtraError: pyarrow is not installed, or PyAV where a camera is chosen.
    """
    info = _info(folder)
    files = sorted((folder / "data").glob("*/*.parquet"), key=lambda path: natural_key(str(path)))
    if not files:
        raise DataError(f"{folder} has no file data/chunk-*/*.parquet: download the dataset again.")
    camera = _camera(folder, info, columns)
    if camera is not None:
        columns = replace(columns, obs=_any_state(files[0]))
    parts, roles = _rows(files, columns)
    rows = joined(parts)
    if (total := info.get("total_frames")) is not None and total != len(rows.values):
        raise DataError(
            f"{folder} has {len(rows.values)} rows of {total} that meta/info.json promises: download the rest."
        )
    data, decided = row_data(roles, rows, columns, folder), roles.described
    if camera is not None:
        single = info["features"][camera]["dtype"] == "image"
        seen = _pictures(folder, files, camera, frames) if single else _films(folder, camera, frames)
        if len(seen) != len(rows.values):
            raise DataError(
                f"{folder}: {camera} shows {len(seen)} frames for {len(rows.values)} rows: download the dataset again."
            )
        data = replace(data, obs=seen, columns=None)
        decided = (f"observation: frames of {camera}", *decided[1:])
    return decided, read_rows(folder, data, columns.skip_bad_episodes)


def _info(folder: Path) -> dict[str, Any]:
    try:
        info = json.loads((folder / _INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / _INFO} is damaged ({error}): download the dataset again.") from error
    version = str(info.get("codebase_version", "")) if isinstance(info, dict) else ""
    if not version.startswith(("v2", "v3")):
        raise DataError(
            f"{folder} is of version {version[:20] or 'unknown'} of LeRobot, and v2 and v3 can be read: convert it."
        )
    return info


def _rows(files: Sequence[Path], columns: DataColumns) -> tuple[list[LogChunk], Roles]:
    parts, first = [], None
    for file in files:
        with Log(file, columns) as log:
            first = first or log.roles
            if log.roles.obs != first.obs:
                raise DataError(f"{file} has other columns than {files[0]}: download the dataset again.")
            parts += bounded(file, log.chunks(), LogChunk.nbytes)
    assert first is not None
    return parts, first


def _any_state(file: Path) -> tuple[str, ...]:
    """Return a column that is there whatever is observed: frames stand in its place."""
    with open_table(file) as table:
        if "frame_index" not in table.names:
            raise DataError(f"{file} has no column 'frame_index': is this a file of LeRobot?")
    return ("frame_index",)


def _camera(folder: Path, info: dict[str, Any], columns: DataColumns) -> str | None:
    """Return the camera that --obs names, if it names one."""
    features = info.get("features")
    cameras = [
        name
        for name, kind in (features if isinstance(features, dict) else {}).items()
        if isinstance(kind, dict) and kind.get("dtype") in ("video", "image")
    ]
    chosen = [name for name in columns.obs if name in cameras]
    if chosen and len(columns.obs) > 1:
        raise DataError(
            f"{folder}: frames of {chosen[0]} cannot stand beside other observations: name it alone with --obs."
        )
    return chosen[0] if chosen else None


def _films(folder: Path, camera: str, options: FrameOptions) -> np.ndarray:
    """Return the frames of all videos of a camera."""
    root = folder / "videos"
    found = [
        path for path in root.rglob("*") if path.suffix.lower() in VIDEOS and camera in path.relative_to(root).parts
    ]
    films = sorted(found, key=lambda path: natural_key(str(path)))
    if not films:
        raise DataError(f"{folder} has no video of {camera} in {root}: download the videos.")
    return gathered(folder, (batch for film in films for batch in frame_batches(film, options)))


def _pictures(folder: Path, files: Sequence[Path], camera: str, options: FrameOptions) -> np.ndarray:
    """Return the pictures that stand in the rows, or in files that these name."""
    return gathered(folder, batched(folder, _decoded(folder, files, camera), options))


def _decoded(folder: Path, files: Sequence[Path], camera: str) -> Iterator[np.ndarray]:
    for file in files:
        with ParquetTable(file) as table:
            for row, (data, path) in enumerate(table.pictures(camera), 1):
                if data is not None:
                    yield picture(f"{file}: row {row} of {camera}", io.BytesIO(data))
                elif path is not None:
                    named = _beside(folder, file, path)
                    yield picture(named, named)
                else:
                    raise DataError(f"{file}: row {row} of {camera} holds no picture: download the dataset again.")


def _beside(folder: Path, file: Path, path: str) -> Path:
    """Return the file of a picture that a row of `file` names, which lies in the folder of the dataset.

    Raises:
        DataError: it lies elsewhere, or is no file.
    """
    named, root = folder / path, folder.resolve()
    if Path(path).is_absolute() or not named.resolve().is_relative_to(root):
        raise DataError(f"{file} names the picture {path[:200]!r}, which is outside of {folder}: it is not read.")
    if not named.is_file():
        raise DataError(f"{file} names the picture {path[:200]!r}, and there is no such file in {folder}.")
    return named
