"""The pictures of a GIF are counted by its own structure: decoders take a cut one for a shorter one."""

from __future__ import annotations

from pathlib import Path

from tsreward.errors import DataError


def count_gif_frames(path: Path) -> int:
    """Return how many pictures a GIF file has (GIF89a: header, blocks, and a trailer byte at the end).

    Raises:
        DataError: it does not begin as one, a block is damaged, or it ends before its trailer.
    """
    data = path.read_bytes()
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise DataError(f"{path} is no GIF: it begins otherwise.")
    try:
        place, count = 13 + _colour_table(data[10]), 0
        while (kind := data[place]) != 0x3B:
            if kind == 0x21:  # extension: a label, then blocks
                place = _after_blocks(data, place + 2)
            elif kind == 0x2C:  # picture: place and size, its colours, the width of its codes, then blocks
                place = _after_blocks(data, place + 11 + _colour_table(data[place + 9]))
                count += 1
            else:
                raise DataError(f"{path} is a damaged GIF: byte {place} begins no block. Copy or record it again.")
    except IndexError as error:
        raise DataError(f"{path} is a GIF that was cut off: it ends before its trailer. Copy it again.") from error
    return count


def _colour_table(flags: int) -> int:
    """Return the bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Return the place behind blocks that begin with their length, up to one of length 0."""
    while data[place]:
        place += data[place] + 1
    return place + 1
