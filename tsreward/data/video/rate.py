"""Frames per second: a model of one rate is blind at another, because its windows then span another time."""

from __future__ import annotations

from pathlib import Path

from tsreward.errors import DataError, OptionError, missing_extra


def check_rate(path: Path, skip: int, rate: float) -> None:
    """Check that every `skip`-th frame of a video makes `rate` frames per second, to 2 %.

    Raises:
        OptionError: `rate` is not positive.
        DataError: it makes another number, or the file says none.
        MissingExtraError: PyAV is not installed.
    """
    if not rate > 0:
        raise OptionError(f"The rate of a video is a positive number of frames per second, got {rate}.")
    found = _rate(path)
    if found is None:
        raise DataError(f"{path} says no frame rate: leave rate out where you know that it is {rate:g} frames/s.")
    if abs(found / skip - rate) <= 0.02 * rate:
        return
    fitting = round(found / rate)
    if fitting and abs(found / fitting - rate) <= 0.02 * rate:
        remedy = f"take skip={fitting}"
    else:
        remedy = f"convert it with ffmpeg -i {path.name} -r {rate:g} converted{path.suffix}"
    raise DataError(
        f"{path} has {found:g} frames/s, which with skip={skip} makes {found / skip:g} and not the {rate:g} that are "
        f"wanted: {remedy}."
    )


def _rate(path: Path) -> float | None:
    """Return the frames per second that the container tells, or None where there is no such container."""
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
