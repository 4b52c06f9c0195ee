"""Read frames from whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tsreward.data.arrays import read_arrays
from tsreward.data.memory import bounded
from tsreward.data.video.container import checked_size, container_frames, opaque
from tsreward.data.video.pictures import picture_frames
from tsreward.data.video.repair import PictureRepair
from tsreward.encoders.frames import FrameOptions
from tsreward.errors import DataError, OptionError, missing_extra
from tsreward.functional.tensors import as_tensor


def check_rate(path: Path, frame_skip: int, rate: float) -> None:
    """Check that every `frame_skip`-th frame of a video makes `rate` frames per second, to 2 %.

    Raises:
        OptionError: `rate` is not positive.
        DataError: it makes another number, or the file says none.
        MissingExtraError: PyAV is not installed.
    """
    if not rate > 0:
        raise OptionError(f"The rate of a video is a positive number of frames per second, got {rate}.")
    found = video_rate(path)
    if found is None:
        raise DataError(f"{path} says no frame rate: leave rate out where you know that it is {rate:g} frames/s.")
    if abs(found / frame_skip - rate) <= 0.02 * rate:
        return
    fitting = round(found / rate)
    if fitting and abs(found / fitting - rate) <= 0.02 * rate:
        remedy = f"take frame_skip={fitting}"
    else:
        remedy = f"convert it with ffmpeg -i {path.name} -r {rate:g} converted{path.suffix}"
    raise DataError(
        f"{path} has {found:g} frames/s, which with frame_skip={frame_skip} makes {found / frame_skip:g} and not the "
        f"{rate:g} that are "
        f"wanted: {remedy}."
    )


def video_rate(path: Path) -> float | None:
    """Return the frames per second that the container tells, or None where there is no such container.

    Raises:
        MissingExtraError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise missing_extra("av", "pixels") from error
    try:
        with av.open(str(path)) as container:
            rate = container.streams.video[0].average_rate if container.streams.video else None
    except (av.FFmpegError, OSError, ValueError, IndexError):  # no video: what reads the frames says why
        return None
    return float(rate) if rate else None


_NAMES = ("frames", "image", "images", "obs", "arr_0", "array")


def array_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames uint8 [H, W, 3] of an NPZ or NPY file: uint8 [T, H, W], or [T, H, W, C] with C 1, 3 or 4.

    Raises:
        DataError: damage; no array of frames, or several; values that are not bytes; channels before the pixels.
    """
    arrays = read_arrays(path)
    names = [name for name in _NAMES if name in arrays] or [name for name in arrays if arrays[name].ndim == 4]
    if len(names) != 1:
        raise DataError(f"{path} holds {', '.join(sorted(arrays))}: one array must be named {', '.join(_NAMES)}.")
    frames, what = arrays[names[0]], f"{path}: '{names[0]}'"
    if frames.dtype != np.uint8:
        raise DataError(
            f"{what} is {frames.dtype}, and frames are bytes (uint8) from 0 to 255: scale and round them before."
        )
    if frames.ndim == 4 and frames.shape[1] in (1, 3) and frames.shape[3] not in (1, 3, 4):
        raise DataError(f"{what} is {list(frames.shape)}, channels first: save array.transpose(0, 2, 3, 1).")
    if frames.ndim == 3:
        frames = frames[..., None]
    if frames.ndim != 4 or frames.shape[3] not in (1, 3, 4) or 0 in frames.shape:
        raise DataError(f"{what} is {list(frames.shape)}, not [T, H, W] or [T, H, W, C] with 1, 3 or 4 channels.")
    checked_size(path, frames.shape[1], frames.shape[2])
    yield from map(opaque, frames)


VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
ARRAYS = (".npz", ".npy")


def read_frames(
    path: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    rate: float | None = None,
    repair: PictureRepair = PictureRepair(),  # noqa: B008 - frozen
) -> np.ndarray:
    """Return all frames uint8 [T, H, W, 3] of a video (mp4, webm, gif, ...), a folder of pictures or an NPZ file.

    `options` blanks rectangles and resizes; the options of an encoder serve as well. Every `frame_skip`-th frame is
    kept, beginning with the first: for videos with more frames than the environment has steps. Frames of a video with a
    variable rate count alike, whatever time lies between them. `rate` is the number of frames per second that must be
    left after that, e.g. the decisions that the agent takes per second; None takes any. `repair` comes first of all.

    Raises:
        DataError: no such file; damage, a cut, missing frames; a change of size; no picture in it; another rate; or
            more memory than the file may take (`tsreward.max_memory`).
        OptionError: a mask outside the frames, or frame_skip below 1.
        MissingExtraError: a video needs PyAV, a folder needs Pillow.
    """
    return gathered(path, frame_batches(path, options, frame_skip, rate=rate, repair=repair))


def gathered(path: str | Path, parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return batches of frames as one array.

    Raises:
        DataError: they take more memory than the file or folder `path` may (`tsreward.max_memory`, --max-memory).
    """
    what = "all frames (a smaller size or a frame_skip makes fewer)"
    return np.concatenate([*bounded(Path(path), parts, lambda batch: batch.nbytes, what)])


def frame_batches(
    path: str | Path,
    options: FrameOptions = FrameOptions(),  # noqa: B008 - frozen
    frame_skip: int = 1,
    batch: int = 64,
    rate: float | None = None,
    repair: PictureRepair = PictureRepair(),  # noqa: B008 - frozen
) -> Iterator[np.ndarray]:
    """Yield the frames of `read_frames` uint8 [at most `batch`, H, W, 3], so that they are never all in memory.

    Damage that only shows at the end is raised at the end: use no batch before the last one has come.
    """
    if frame_skip < 1 or batch < 1:
        raise OptionError(
            f"frame_batches needs frame_skip >= 1 and batch >= 1, got frame_skip={frame_skip}, batch={batch}."
        )
    if rate is not None:
        check_rate(Path(path), frame_skip, rate)
    yield from batched(path, map(repair.apply, _frames(Path(path))), options, frame_skip, batch)


def batched(
    path: object, frames: Iterable[np.ndarray], options: FrameOptions, frame_skip: int = 1, batch: int = 64
) -> Iterator[np.ndarray]:
    """Yield frames uint8 [H, W, 3] in batches, blanked and resized as `options` say.

    Raises:
        DataError: none, or a change of size; the message names `path`.
    """
    shape, kept = None, []
    for index, frame in enumerate(frames):
        if shape is None:
            shape = frame.shape
            options.check_masks(*shape[:2])
        elif frame.shape != shape:
            raise DataError(
                f"{path} changes its size at frame {index}, from {shape[0]} x {shape[1]} to {frame.shape[0]} x "
                f"{frame.shape[1]} pixels: split it there, or bring all of it to one size."
            )
        if index % frame_skip == 0:
            kept.append(_prepared(frame, options))
        if len(kept) == batch:
            yield np.stack(kept)
            kept = []
    if shape is None:
        raise DataError(f"{path} holds no frames.")
    if kept:
        yield np.stack(kept)


def _frames(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir():
        return picture_frames(path)
    if not path.is_file():
        raise DataError(f"There is no file or folder of frames at {path}.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes): copy or record it again.")
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        return array_frames(path)
    if suffix in VIDEOS:
        return container_frames(path)
    raise DataError(
        f"{path} does not end in {', '.join(VIDEOS + ARRAYS)}, and is no folder: frames are read from nothing else."
    )


def _prepared(frame: np.ndarray, options: FrameOptions) -> np.ndarray:
    if options.size is None and not options.masks:
        return frame
    return options.prepare(as_tensor(frame[None])).numpy()[0]
