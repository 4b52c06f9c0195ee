"""Whether an expert's pictures show the scene as the agent's own do, and what was done to them where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tsreward.functional.borders import Edges, borders
from tsreward.functional.views import (
    SIDE,
    WEIGHTS,
    View,
    background_distance,
    brightness_fit,
    brightness_ratio,
    colourfulness,
    picture_distance,
    spread_pictures,
    still,
)

CLEAR = 1.0
"""Levels by which a change must bring backgrounds nearer to each other."""
HALF = 0.5
"""Share of the distance by which it must."""
NEARER = 0.6
"""The same of the nearest pictures, where backgrounds are alike with and without the change."""
NEARER_LEVELS = 2.0
BRIGHTER = 0.07
"""Change of brightness that is named."""
GREY = 0.25
"""Share of its colours that a grey picture keeps."""
COLOURED = 3.0
"""Levels between the channels of a picture that has colours."""
OTHERWISE = 8.0
"""Levels between backgrounds that no change explains, above which pictures are of another view."""


Change = str


@dataclass(frozen=True)
class ViewDifference:
    """One way in which the expert's pictures differ from the agent's."""

    name: str
    """A few words that stay the same, such as "red and blue swapped"."""
    cause: str
    """What was seen, in one clause."""
    cure: str | None = None
    """What to type, or None where the pictures have to be made anew."""


def compare_views(expert: Sequence[np.ndarray], agent: Sequence[np.ndarray]) -> list[ViewDifference]:
    """Return in which ways the expert's pictures differ from the agent's own; none where both show one view.

    Another size, another beginning, other behaviour and the traces of a codec are no difference.

    Args:
        expert: pictures uint8 [T, H, W, C] of every episode, of one size, best the file's own.
        agent: pictures uint8 [T, H', W', C] of several episodes in the environment.
    """
    if agent[0].shape[3] == 1 and expert[0].shape[3] == 3:
        expert = [(frames @ WEIGHTS).round().astype(np.uint8)[..., None] for frames in expert]
    expert, agent = _alike(expert), _alike(agent)
    one, other, where = View.of(expert), View.of(agent), None
    found: list[ViewDifference] = []
    edges = _edges(expert, agent, _orientation(one, other, None))
    if edges:
        framed = [_bordered(expert, each, one, other, agent[0].shape[1:3]) for each in edges]
        _, difference, one, where = min(framed, key=lambda one: one[0])
        found.append(difference)
    if colourfulness(other) > COLOURED and colourfulness(one) < GREY * colourfulness(other):
        found.append(ViewDifference("grey", "the expert's pictures are grey, and the agent's have colours"))
        one, other = one.grey(), other.grey()
    changes = _orientation(one, other, where)
    one = _changed(one, changes)
    found += [_NAMED[change] for change in changes]
    ratio, matched = _brightness(one, other, where)
    zoom = None
    if background_distance(other, matched, where) > CLEAR:
        zoom, window = _framing(one, other, where)
        if zoom is not None:
            found.append(zoom)
            one, other = window
            ratio, matched = _brightness(one, other, None)
    if ratio is not None:
        found.append(_brighter(ratio))
    left = background_distance(other, matched, where)
    if left > OTHERWISE and zoom is None:
        found.append(
            ViewDifference(
                "another view",
                f"the still background lies {left:.0f} of 255 levels from the agent's: another camera, look or scene",
            )
        )
    return found


def _edges(expert: list[np.ndarray], agent: list[np.ndarray], changes: tuple[Change, ...]) -> list[Edges]:
    """Return what may be the borders of the expert's pictures, which `changes` bring nearer to the agent's."""
    shots, upside, mirrored = spread_pictures(expert), "up-down" in changes, "left-right" in changes
    shots = shots[:, ::-1] if upside else shots
    shots = shots[:, :, ::-1] if mirrored else shots
    found = borders(shots, np.median(spread_pictures(agent), 0))
    return [
        (*((bottom, top) if upside else (top, bottom)), *((right, left) if mirrored else (left, right)))
        for top, bottom, left, right in found
    ]


def _alike(episodes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return pictures with three channels."""
    return [np.broadcast_to(frames, (*frames.shape[:3], 3)) if frames.shape[3] == 1 else frames for frames in episodes]


_NAMED = {
    "swap": ViewDifference(
        "red and blue swapped", "red and blue are swapped in the expert's pictures", "--swap-colours"
    ),
    "left-right": ViewDifference(
        "mirrored left to right", "the expert's pictures are mirrored, left to right", "--flip left-right"
    ),
    "up-down": ViewDifference("upside down", "the expert's pictures stand upside down", "--flip up-down"),
}


def _changed(view: View, changes: Sequence[Change]) -> View:
    for change in changes:
        view = view.swapped() if change == "swap" else view.mirrored(-2 if change == "left-right" else -3)
    return view


def _orientation(one: View, other: View, where: np.ndarray | None) -> tuple[Change, ...]:
    """Return which channels and sides of `one` were exchanged: the fewest that bring it much nearer to `other`."""
    candidates = [
        tuple(change for change, taken in zip(_NAMED, mask, strict=True) if taken)
        for mask in product((False, True), repeat=len(_NAMED))
    ]
    if colourfulness(other) == 0:
        candidates = [changes for changes in candidates if "swap" not in changes]
    best, nearest = (), _distances(one, other, where)
    for count in (1, 2, 3):
        tried = [
            (changes, _distances(_changed(one, changes), other, where))
            for changes in candidates
            if len(changes) == count and set(best) <= set(changes)
        ]
        better = [pair for pair in tried if _clearly_nearer(pair[1], nearest)]
        if better:
            best, nearest = min(better, key=lambda pair: pair[1][0] + pair[1][1])
    return best


def _distances(one: View, other: View, where: np.ndarray | None) -> tuple[float, float]:
    """Return the distances of backgrounds and of nearest pictures, whatever the brightness."""
    gain, offset = brightness_fit(one, other)
    fitted = one.scaled(gain, offset) if 0.5 < gain < 2 else one
    background = min(background_distance(other, view, where) for view in (one, fitted))
    return background, picture_distance(one, other)


def _clearly_nearer(new: tuple[float, float], old: tuple[float, float]) -> bool:
    background = old[0] - new[0] > max(CLEAR, HALF * old[0])
    pictures = new[1] < NEARER * old[1] and old[1] - new[1] > NEARER_LEVELS
    pictures = pictures and new[0] < min(old[0] + CLEAR / 2, 2 * CLEAR)
    return background or pictures


def _bordered(
    expert: list[np.ndarray], edges: Edges, one: View, other: View, size: tuple[int, ...]
) -> tuple[float, ViewDifference, View, np.ndarray | None]:
    """Return how far the rest is, the difference, the view without borders, and where it can be compared."""
    top, bottom, left, right = edges
    height, width = expert[0].shape[1:3]
    inside = View.of([frames[:, top : height - bottom, left : width - right] for frames in expert])
    share = np.array([top / height, 1 - bottom / height, left / width, 1 - right / width])
    low, high = np.ceil(share[[0, 2]] * SIDE).astype(int), np.floor(share[[1, 3]] * SIDE).astype(int)
    where = np.zeros((SIDE, SIDE), bool)
    where[low[0] : high[0], low[1] : high[1]] = True
    apart = min(
        _distances(_changed(inside, changes), other, None)[0] for changes in ((), *((name,) for name in _NAMED))
    )
    covered = min(
        _distances(_changed(one, changes), other, where)[0] for changes in ((), *((name,) for name in _NAMED))
    )
    sides = {"above": top, "below": bottom, "left": left, "right": right}
    named = ", ".join(f"{count} {side}" for side, count in sides.items() if count)
    shade = _shade(expert, edges)
    unit = "rows" if top or bottom else "columns"
    if top and bottom and (left or right):
        unit = "pixels"
    cause = f"{shade} borders of {max(edges)} {unit} ({named}) in the expert's pictures of {height} x {width}"
    if covered < apart:
        masks = _masks(share, *size)
        hidden = f"{cause}, which hide a part of the scene"
        return covered, ViewDifference("borders", hidden, f"--masks {masks}"), one, where
    return apart, ViewDifference("borders", cause, f"--crop {top} {bottom} {left} {right}"), inside, None


def _shade(expert: list[np.ndarray], edges: Edges) -> str:
    top, bottom, left, right = edges
    frame = expert[0][0]
    strip = (
        frame[:top]
        if top
        else frame[len(frame) - bottom :]
        if bottom
        else frame[:, :left]
        if left
        else frame[:, -right:]
    )
    level = strip.mean((0, 1))
    return "black" if level.mean() < 128 else "white"


def _masks(share: np.ndarray, height: int, width: int) -> str:
    """Return the option that blanks what is outside these shares (top, bottom, left, right) of the agent's pictures."""
    top, left = np.ceil(share[[0, 2]] * (height, width) - 1e-9).astype(int)
    bottom, right = np.floor(share[[1, 3]] * (height, width) + 1e-9).astype(int)
    boxes = [(0, 0, top, width), (bottom, 0, height, width), (0, 0, height, left), (0, right, height, width)]
    return " ".join(str(value) for box in boxes if box[0] < box[2] and box[1] < box[3] for value in box)


def _brightness(one: View, other: View, where: np.ndarray | None) -> tuple[float | None, View]:
    """Return how many times as bright as `other` one view is, None where that explains nothing; and it without that."""
    before = background_distance(other, one, where)
    ratio = brightness_ratio(other, one)
    candidates = [(ratio, one.scaled(1 / max(ratio, 1e-3)))]
    gain, offset = brightness_fit(one, other)
    if 0.3 < gain < 3:
        candidates.append((ratio, one.scaled(gain, offset)))
    ratio, matched = min(candidates, key=lambda pair: background_distance(other, pair[1], where))
    after = background_distance(other, matched, where)
    if abs(ratio - 1) > BRIGHTER and before - after > max(CLEAR, HALF * before):
        return ratio, matched
    return None, one


def _brighter(ratio: float) -> ViewDifference:
    word, percent = ("brighter", ratio - 1) if ratio > 1 else ("darker", 1 - ratio)
    cause = f"the expert's pictures are {100 * percent:.0f} % {word} than the agent's"
    return ViewDifference(word, cause, f"--brightness {1 / ratio:.2f}")


_SIZES = [0.5 + 0.05 * step for step in range(10)]


def _framing(one: View, other: View, where: np.ndarray | None) -> tuple[ViewDifference | None, tuple[View, View]]:
    """Return whether one view shows only a part of the other, and both brought to the same part."""
    if where is not None:
        return None, (one, other)
    before = background_distance(other, _brightness(one, other, None)[1])
    cropped, part = _window_in(still(other), still(one))
    wider, rest = _window_in(still(one), still(other))
    near, box = min((cropped, part), (wider, rest), key=lambda pair: pair[0])
    if before - near <= max(1.5 * CLEAR, HALF * before):
        return None, (one, other)
    named = "rows {:.0f} to {:.0f} % and columns {:.0f} to {:.0f} %".format(*(100 * np.array(box)))
    if cropped <= wider:
        cause = f"the expert's pictures show only a part of the agent's, {named}"
        return ViewDifference("cropped", cause), (one, other.window(*box))
    cause = f"the expert's pictures show more than the agent's, which are {named} of them"
    cure = "--crop, for these borders in pixels"
    return ViewDifference("wider view", cause, cure), (one.window(*box), other)


def _window_in(whole: View, part: View) -> tuple[float, tuple[float, float, float, float]]:
    """Return the distance of `part` from the part of `whole` that is nearest to it, and the borders of that."""

    def distance(box: tuple[float, float, float, float]) -> float:
        return background_distance(whole.window(*box), part)

    parts = [(first, first + size) for size in _SIZES for first in (0.0, (1 - size) / 2, 1 - size)]
    starts = [(*rows, *columns) for rows in parts for columns in parts if _alike_sizes(rows, columns)]
    starts += [box for part in parts for box in ((*part, 0.0, 1.0), (0.0, 1.0, *part))]
    near, box = min((distance(box), box) for box in starts)
    for step in (0.04, 0.02, 0.01):
        improved = True
        while improved:
            tried = [_moved(box, side, sign * step) for side in range(4) for sign in (-1, 1)]
            new, best = min((distance(one), one) for one in tried)
            improved = new < near - 1e-6
            if improved:
                near, box = new, best
    return near, box


def _alike_sizes(rows: tuple[float, float], columns: tuple[float, float]) -> bool:
    return abs((rows[1] - rows[0]) - (columns[1] - columns[0])) < 1e-6


def _moved(box: tuple[float, float, float, float], side: int, by: float) -> tuple[float, float, float, float]:
    moved = list(box)
    moved[side] = min(1.0, max(0.0, moved[side] + by))
    top, bottom, left, right = moved
    return (top, bottom, left, right) if bottom - top >= 0.4 and right - left >= 0.4 else box
