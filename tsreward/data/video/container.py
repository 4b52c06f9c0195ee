"""Frames out of video files through PyAV, counted: what is damaged or cut is refused, never shortened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.data.video.colour import checked_size, opaque
from tsreward.data.video.gif import count_gif_frames
from tsreward.errors import DataError, missing_extra

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


def container_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames uint8 [H, W, 3] of a video, turned as the file says; at the end they are counted.

    The number must be that of the frames that the container lists, or, where it lists none (webm), what its duration
    and rate promise, or one more.

    Raises:
        DataError: no video in it, no decoder for it, damage, a cut, or another number of frames than promised.
        MissingExtraError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise missing_extra("av", "pixels") from error
    listed = count_gif_frames(path) if path.suffix.lower() == ".gif" else 0
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(path, container)
            yield from _decoded(path, stream, container, listed)
    except (av.FFmpegError, OSError, ValueError, IndexError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is damaged, cut off or no video ({reason}): copy or record it again.") from error


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    # A cover picture in a piece of music is a video stream of one frame.
    streams = [stream for stream in container.streams.video if "attached_pic" not in _flags(stream)]
    if not streams:
        kinds = sorted({str(stream.type) for stream in container.streams})
        raise DataError(
            f"{path} holds {', '.join(kinds)} and no video." if kinds else f"{path} is cut off: it holds no stream."
        )
    stream = streams[0]
    if getattr(stream, "codec_context", None) is None:
        raise DataError(
            f"{path} is of a codec that this PyAV cannot decode: convert it to H.264 (ffmpeg -c:v libx264)."
        )
    checked_size(path, stream.codec_context.height, stream.codec_context.width)
    stream.codec_context.options = {"err_detect": "explode"}  # otherwise decoders guess what is damaged
    return stream


def _flags(stream: VideoStream) -> str:
    return str(getattr(stream, "disposition", ""))


def _decoded(path: Path, stream: VideoStream, container: InputContainer, listed: int) -> Iterator[np.ndarray]:
    packets = decoded = 0
    for packet in container.demux(stream):
        packets += packet.size > 0
        if packet.size and packet.is_discard:  # an edit list, or damage that looks like one
            raise DataError(
                f"{path} hides frames that it holds: write what is to be seen anew with ffmpeg -i {path.name} "
                f"-c:v libx264 shown{path.suffix}"
            )
        for frame in packet.decode():
            if packet.is_corrupt or frame.is_corrupt:
                raise DataError(f"{path} is damaged at frame {decoded}: copy or record it again.")
            checked_size(path, frame.height, frame.width)
            yield _pixels(frame)
            decoded += 1
    listed = listed or stream.frames
    if listed:
        wrong = not packets == decoded == listed
        promise = f"its container lists {listed}"
    else:
        seconds, rate = _duration(stream, container), stream.average_rate
        if not seconds or not rate:
            raise DataError(
                f"{path} says neither how many frames it has nor how long it is, so that a cut could not be seen: "
                f"write it anew with ffmpeg -i {path.name} -c copy whole{path.suffix}"
            )
        promised = round(seconds * float(rate))
        wrong = packets != decoded or decoded - promised not in (0, 1)  # some count to the last frame's beginning
        promise = f"{seconds:g} s at {float(rate):g} frames/s are {promised}"
    if wrong:
        raise DataError(f"{path} gave {decoded} frames, and {promise}: it is damaged, cut off, or drops frames.")


def _duration(stream: VideoStream, container: InputContainer) -> float:
    """Return the length in seconds, or 0 where the file does not say."""
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", stream.metadata.get("DURATION", ""))
    if tag is not None:  # of this stream; the container's may be that of its sound
        return 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _pixels(frame: VideoFrame) -> np.ndarray:
    transparent = any(component.is_alpha for component in frame.format.components)
    pixels: Any = frame.to_ndarray(format="rgba" if transparent else "rgb24")
    turns = round(frame.rotation / 90)
    return opaque(np.ascontiguousarray(np.rot90(pixels, turns)) if turns % 4 else pixels)
