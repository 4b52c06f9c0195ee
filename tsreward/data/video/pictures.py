"""Frames that are pictures in a folder, in natural order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from tsreward.data.video.container import checked_size, opaque
from tsreward.errors import DataError, missing_extra
from tsreward.files import natural_key

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def picture_frames(folder: Path) -> Iterator[np.ndarray]:
    """Yield the pictures uint8 [H, W, 3] of a folder, 2.png before 10.png, turned as their EXIF entry says.

    Raises:
        DataError: no pictures; one that is damaged, animated or of numbers that are no brightness; a gap in the
            numbers of their names, or two pictures of one number.
        MissingExtraError: Pillow is not installed.
    """
    return (picture(path, path) for path in in_order(folder))


def in_order(folder: Path) -> list[Path]:
    """Return the pictures of a folder by the numbers in their names; other files and hidden ones are left out.

    Raises:
        DataError: no pictures, two of one number, or numbers that leave one out.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not paths:
        raise DataError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}).")
    if odd := next((path for path in paths if not path.is_file()), None):
        raise DataError(f"{odd} is called like a picture, and is no file: take it away.")
    keys = {path: natural_key(path.stem) for path in paths}
    paths.sort(key=lambda path: (keys[path], path.name))
    for first, second in pairwise(paths):
        if keys[first] == keys[second]:
            raise DataError(f"{folder} holds both {first.name} and {second.name}: which is the frame? Remove one.")
    # Names that differ in their last number only are a count, which shows what is missing.
    if len(paths) > 2 and len(keys[paths[0]]) > 1 and len({keys[path][:-2] for path in paths}) == 1:
        numbers = np.array([keys[path][-2] for path in paths], dtype=object)
        steps = np.diff(numbers)
        if len({keys[path][-1] for path in paths}) == 1 and (steps != steps.min()).any():
            gap = int(np.flatnonzero(steps != steps.min())[0])
            raise DataError(f"{folder} has a gap after {paths[gap].name}: frames are missing, or belong to two videos.")
    return paths


def picture(where: object, source: Path | BinaryIO) -> np.ndarray:
    """Return a picture uint8 [H, W, 3], turned as its EXIF entry says; `where` names it in errors.

    Raises:
        DataError: it is damaged, animated or too large, or of numbers that are no brightness.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing_extra("pillow", "pixels") from error
    try:
        with Image.open(source) as image:
            checked_size(where, image.height, image.width)
            if getattr(image, "n_frames", 1) != 1:
                raise DataError(f"{where} is animated: one picture is one frame.")
            return _colours(where, ImageOps.exif_transpose(image))
    except DataError:
        raise
    except Exception as error:  # Pillow raises a dozen types for the ways to damage a picture
        raise DataError(f"{where} is damaged or no picture ({type(error).__name__}: {error}).") from error


def _colours(path: object, image: Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return opaque(np.rint(np.asarray(image, dtype=np.float32)[..., None] / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(f"{path} holds numbers ({image.mode}) and no brightness from 0 to 255: convert it first.")
    transparent = image.has_transparency_data
    return opaque(np.asarray(image.convert("RGBA" if transparent else "RGB")))
