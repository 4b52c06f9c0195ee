"""Black and white borders round pictures."""

from __future__ import annotations

import numpy as np

UNIFORM = 4.0
"""Standard deviation in levels that a codec leaves in a border of one colour."""
OTHER = 8.0
"""Levels by which a border differs from what is behind it."""
DARK, BRIGHT = 16, 239
"""Levels below and above which a border is black, or white; other colours may be a sky."""
LEAST = 0.02
"""Share of the height or width that a border has at least."""


Edges = tuple[int, int, int, int]
"""Rows and columns (top, bottom, left, right)."""


def borders(pictures: np.ndarray, scene: np.ndarray) -> list[Edges]:
    """Return the rows and columns of pictures [N, H, W, C] that may be a border; nothing where there is none.

    A border is black or white in all pictures, and the background `scene` [H', W', C] of the same view has something
    else there: what is black in both is no border. Where one side has a border and the other may have one too, because
    the scene is black there itself, both are returned.
    """
    height, width = pictures.shape[1:3]
    sides = [_run(pictures, scene, flip) for flip in (False, True)]
    pictures, scene = pictures.swapaxes(1, 2), scene.swapaxes(0, 1)
    sides += [_run(pictures, scene, flip) for flip in (False, True)]
    found = [count for count, _ in sides]
    if not any(found) or sum(found[:2]) > 0.7 * height or sum(found[2:]) > 0.7 * width:
        return []
    equal = list(found)
    for side, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        if found[side] and not found[other] and sides[other][1] >= found[side]:
            equal[other] = found[side]
    return [tuple(edges) for edges in ((found,) if equal == found else (found, equal))]  # type: ignore[misc]


def _run(pictures: np.ndarray, scene: np.ndarray, flip: bool) -> tuple[int, int]:
    """Return how many of the first rows, or with `flip` of the last ones, are a border, and are of one colour."""
    if flip:
        pictures, scene = pictures[:, ::-1], scene[::-1]
    mean = pictures.mean((0, 2), dtype=np.float64)  # [H, C]
    unrest = pictures.astype(np.float32).std((0, 2)).max(-1)
    same = (unrest < UNIFORM) & (np.abs(mean - mean[0]).max(-1) < OTHER)
    if mean[0].max() > DARK and mean[0].min() < BRIGHT:
        return 0, 0
    count = len(same) if same.all() else int(np.argmin(same))
    places = ((np.arange(count) + 0.5) * len(scene) / len(same)).astype(int)
    behind = np.abs(scene[places] - mean[0]).mean((1, 2)) > OTHER
    if behind.sum() < max(1, LEAST * len(same)):
        return 0, count
    own = np.abs(scene - mean[0]).mean((1, 2)) <= OTHER / 2  # rows of that colour that the scene itself begins with
    return count - round((int(np.argmin(own)) if not own.all() else 0) * (len(same) - count) / len(scene)), count
