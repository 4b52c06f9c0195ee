"""Frames out of video files through PyAV, counted: what is damaged or cut is refused, never shortened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsreward.errors import DataError, missing_extra

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


MAX_PIXELS = 2**26


def opaque(frame: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] of grey, coloured or partly transparent pixels [H, W, 1, 3 or 4]; black lies behind.

    >>> opaque(np.array([[[200, 100, 0, 255], [200, 100, 0, 0]]], dtype=np.uint8)).tolist()
    [[[200, 100, 0], [0, 0, 0]]]
    """
    if frame.shape[2] == 4:
        shown = frame[..., :3] * (frame[..., 3:] / 255)
        return np.rint(shown).astype(np.uint8)
    return np.array(np.broadcast_to(frame, (*frame.shape[:2], 3)))


def checked_size(path: object, height: int, width: int) -> None:
    """Check the size of a frame before it is decoded.

    Raises:
        DataError: more than 64 million pixels.
    """
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{path} has frames of {height} x {width} pixels, more than {MAX_PIXELS >> 20} Mi: scale it down first."
        )


def count_gif_frames(path: Path) -> int:
    """Return how many pictures a GIF file has (GIF89a: header, blocks, and a trailer byte at the end).

    Raises:
        DataError: it does not begin as one, a block is damaged, blocks have lengths that no writer gives, or it ends
            before its trailer.
    """
    data = path.read_bytes()
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise DataError(f"{path} is no GIF: it begins otherwise.")
    try:
        place, count = 13 + _colour_table(data[10]), 0
        while (kind := data[place]) != 0x3B:
            if kind == 0x21:  # extension: a label, then blocks
                begin = place + 2
            elif kind == 0x2C:  # picture: place and size, its colours, the width of its codes, then blocks
                begin = place + 11 + _colour_table(data[place + 9])
            else:
                raise DataError(f"{path} is a damaged GIF: byte {place} begins no block. Copy or record it again.")
            lengths = _block_lengths(data, begin)
            if not (_filled(lengths) if kind == 0x2C else data[place + 1] != 0xF9 or lengths == [4]):
                raise DataError(
                    f"{path} is a damaged GIF: the blocks from byte {begin} have lengths that no writer gives, as "
                    f"where bytes are missing. Copy it again, or write it anew with ffmpeg -i {path.name} whole.gif"
                )
            count += kind == 0x2C
            place = begin + sum(lengths) + len(lengths) + 1
    except IndexError as error:
        raise DataError(f"{path} is a GIF that was cut off: it ends before its trailer. Copy it again.") from error
    return count


def _colour_table(flags: int) -> int:
    """Return the bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _block_lengths(data: bytes, place: int) -> list[int]:
    """Return the lengths of the blocks from a place on, each in the byte before its block, up to one of length 0."""
    lengths: list[int] = []
    while length := data[place]:
        lengths.append(length)
        place += length + 1
    return lengths


def _filled(lengths: list[int]) -> bool:
    """Tell whether all blocks but the last are of one length, and the last is not longer."""
    return all(length == lengths[0] for length in lengths[:-1]) and lengths[-1:] <= lengths[:1]


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
