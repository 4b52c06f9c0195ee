"""The pictures of a GIF are counted by its own structure: decoders take a cut one for a shorter one.

Writers fill the blocks of a picture to one length, all but the last, and what controls a picture (label F9) is one
block of 4 bytes: other lengths tell of bytes that are missing where what follows still reads as blocks.
"""

from __future__ import annotations

from pathlib import Path

from tsreward.errors import DataError


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
