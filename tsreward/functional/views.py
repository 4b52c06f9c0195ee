"""What two sets of pictures have in common where both show one scene: still background, colours, borders, framing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tsreward.functional.pixels import LUMA, area_mean
from tsreward.functional.tensors import as_tensor

SIDE = 32
"""Height and width that pictures are compared at: edges differ in finer ones wherever a renderer or a codec does."""
NOISE = 2.0
"""Levels of a byte that a renderer or a codec may add to a still pixel."""
TRIMMED = 0.15
"""Share of the scene that may differ in any way: what stands still in one set only, such as a body that is held."""

WEIGHTS = np.array(LUMA, np.float32)
"""Of red, green and blue in grey."""


@dataclass(frozen=True)
class View:
    """What pictures show, at `SIDE` x `SIDE` pixels and in levels of a byte."""

    background: np.ndarray
    """[S, S, C] median over time."""
    unrest: np.ndarray
    """[S, S, C] mean distance from it."""
    shown: np.ndarray
    """[N, S, S, C] some of the pictures."""

    @classmethod
    def of(cls, episodes: Sequence[np.ndarray], number: int = 240) -> View:
        """Return the view of about `number` pictures, spread over episodes uint8 [T, H, W, C]."""
        picked = _spread(episodes, number)
        small = torch.cat([area_mean(as_tensor(frames).float(), (SIDE, SIDE)) for frames in picked]).numpy()
        background = np.median(small, 0)
        return cls(background, np.abs(small - background).mean(0), small)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> View:
        """Return the view of pictures to each of which `function` of pictures [..., S, S, C] was applied."""
        return View(function(self.background), function(self.unrest), function(self.shown))

    def mirrored(self, axis: int) -> View:
        """Return the view with rows (axis −3) or columns (−2) reversed."""
        return self.mapped(lambda pictures: np.flip(pictures, axis))

    def swapped(self) -> View:
        """Return the view with red and blue exchanged."""
        return self.mapped(lambda pictures: pictures[..., ::-1])

    def grey(self) -> View:
        """Return the view without colours."""
        return self.mapped(lambda pictures: np.broadcast_to((pictures @ WEIGHTS)[..., None], pictures.shape))

    def scaled(self, gain: float, offset: float = 0.0) -> View:
        """Return the view with other brightness."""
        background, shown = (np.clip(values * gain + offset, 0, 255) for values in (self.background, self.shown))
        return View(background, self.unrest * gain, shown)

    def window(self, top: float, bottom: float, left: float, right: float) -> View:
        """Return the view of a part, whose borders are given as fractions of height and width, at full size."""
        down, across = _resampling(top, bottom), _resampling(left, right)
        return self.mapped(lambda pictures: np.einsum("ih,...hwc,jw->...ijc", down, pictures, across, optimize=True))


def still(view: View) -> View:
    """Return the view without its pictures, of which a search makes many."""
    return replace(view, shown=view.shown[:0])


def spread_pictures(episodes: Sequence[np.ndarray], number: int = 120) -> np.ndarray:
    """Return about `number` pictures, spread over episodes [T, H, W, C] of one size."""
    return np.concatenate(_spread(episodes, number))


def _spread(episodes: Sequence[np.ndarray], number: int) -> list[np.ndarray]:
    """Return some pictures of each episode, about `number` in all."""
    each = max(2, number // len(episodes))
    return [
        frames[np.unique(np.linspace(0, len(frames) - 1, min(len(frames), each)).round().astype(int))]
        for frames in episodes
    ]


def _resampling(low: float, high: float) -> np.ndarray:
    """Return how much of every old pixel is in each of `SIDE` new ones, that lie between two fractions of the old."""
    edges = np.linspace(low * SIDE, high * SIDE, SIDE + 1)
    old = np.arange(SIDE)
    if high - low >= 1:
        overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
        weights = np.clip(overlap, 0, None)
    else:  # between the middles of pixels
        middles = np.clip((edges[1:] + edges[:-1]) / 2 - 0.5, 0, SIDE - 1)
        weights = np.clip(1 - np.abs(middles[:, None] - old), 0, None)
    return weights / weights.sum(1, keepdims=True)


def background_distance(one: View, other: View, where: np.ndarray | None = None) -> float:
    """Return how far still backgrounds lie apart, in levels; where either view is restless counts less.

    `where` [S, S] tells which pixels count; None counts all.
    """
    weight = (1 / (NOISE**2 + one.unrest**2 + other.unrest**2)).mean(-1)
    apart = np.abs(one.background - other.background).mean(-1)
    if where is not None:
        weight, apart = weight[where], apart[where]
    order = np.argsort(apart, axis=None)
    weight, apart = weight.ravel()[order], apart.ravel()[order]
    kept = np.cumsum(weight) <= (1 - TRIMMED) * weight.sum()
    kept[0] = True
    return float((weight * apart)[kept].sum() / weight[kept].sum())


def picture_distance(one: View, other: View) -> float:
    """Return how far the pictures of `one` lie from the nearest of `other` on average, in levels."""
    a, b = one.shown.reshape(len(one.shown), -1), other.shown.reshape(len(other.shown), -1)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return float(np.sqrt(np.maximum(squares, 0).min(1) / a.shape[1]).mean())


def brightness_fit(one: View, other: View) -> tuple[float, float]:
    """Return (gain, offset) with which the background of `one` becomes that of `other`."""
    weight = (1 / (NOISE**2 + one.unrest**2 + other.unrest**2)).ravel()
    x, y, kept = one.background.ravel(), other.background.ravel(), weight
    gain, offset = 1.0, 0.0
    for _ in range(3):  # again without what fits worst
        mean_x, mean_y = np.average(x, weights=kept), np.average(y, weights=kept)
        variance = np.average((x - mean_x) ** 2, weights=kept)
        gain = float(np.average((x - mean_x) * (y - mean_y), weights=kept) / max(variance, 1e-6))
        offset = float(mean_y - gain * mean_x)
        apart = np.abs(gain * x + offset - y)
        kept = weight * (apart <= np.quantile(apart, 1 - TRIMMED))
    return gain, offset


def brightness_ratio(one: View, other: View) -> float:
    """Return how many times as bright the background of `other` is as that of `one`."""
    weight = 1 / (NOISE**2 + one.unrest**2 + other.unrest**2)
    return float((weight * other.background).sum() / max((weight * one.background).sum(), 1e-6))


def colourfulness(view: View) -> float:
    """Return the mean distance of the channels of the background from their mean, in levels."""
    return float(np.abs(view.background - view.background.mean(-1, keepdims=True)).mean())
