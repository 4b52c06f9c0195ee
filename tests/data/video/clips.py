"""Small videos, whole and damaged, written by the tests themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

CODECS = {
    "mp4": ("libx264", "yuv420p"),
    "webm": ("libvpx-vp9", "yuv420p"),
    "gif": ("gif", "rgb8"),
}


def moving(number: int = 30, height: int = 32, width: int = 48) -> np.ndarray:
    """Return frames in which a bright bar grows from the left, so that each tells its place in time."""
    frames = np.full((number, height, width, 3), 16, np.uint8)
    for time in range(number):
        frames[time, :, : width * (time + 1) // number] = (230, 200, 40)
    return frames


def places(frames: np.ndarray) -> np.ndarray:
    """Return the share of every frame that the bar of `moving` covers."""
    return (frames[..., 0] > 120).mean((1, 2))


def write(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str | None = None,
    pixels: str | None = None,
    times: Sequence[int] | None = None,
    **options: str,
) -> Path:
    """Encode frames [H, W, 3] of one size; `times` counts in 1/25 s."""
    import av

    usual = CODECS[path.suffix[1:]]
    frames = list(frames)
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec or usual[0], rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels or usual[1]
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = index if times is None else times[index], Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_two_sizes(path: Path) -> Path:
    """Write a webm whose size changes in the middle: the packets of two encoders in one stream."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for part, (height, width) in enumerate([(32, 48), (64, 80)]):
            encoder = av.CodecContext.create("libvpx", "w")
            encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
            encoder.time_base = Fraction(1, 25)
            packets = []
            for index, frame in enumerate(moving(5, height, width)):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = 5 * part + index, Fraction(1, 25)
                packets += encoder.encode(picture)
            for packet in packets + encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Write a file without pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn(path: Path) -> Path:
    """Say in the header of an mp4 that its pictures are to be turned by a quarter, clockwise."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    one = 2**16
    for place, value in enumerate((0, one, 0, -one, 0, 0)):
        data[matrix + 4 * place : matrix + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path
