"""Whole episodes that nobody should be rewarded for, and good ones that are a little disturbed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_NOISE, _FAR = 0.02, 10.0
"""Standard deviations of a channel over good behaviour: small noise, and how far out of range."""


def feature_probes(episodes: Sequence[Tensor], window: int, seed: int) -> dict[str, list[Tensor]]:
    """Return probes made of good episodes [T + 1, D], as long as they are.

    frozen_first: nothing ever changes after the first observation. frozen_typical: the observation nearest to the mean
    of all, held. spliced: from another episode every K // 2 steps, so that every window holds a jump.
    """
    store = torch.cat(list(episodes))
    rng = np.random.default_rng(seed)
    typical = _typical(store)
    return {
        "frozen_first": [episode[:1].expand_as(episode).clone() for episode in episodes],
        "frozen_typical": [typical.expand_as(episode).clone() for episode in episodes],
        "spliced": [_spliced(episodes, len(episode), max(1, window // 2), rng) for episode in episodes],
    }


def observation_probes(observations: Sequence[np.ndarray], seed: int) -> dict[str, list[np.ndarray]]:
    """Return probes made of good observations [T + 1, *obs], of their kind.

    zero: nothing but zeros. out_of_range: every channel ten standard deviations above what it was; pictures are all
    white. noise: good behaviour with Gaussian noise of a fiftieth of each channel's standard deviation, of pictures of
    1 % of their range. A good reward is hardly changed by the last one.

    >>> sorted(observation_probes([np.zeros((3, 2), dtype=np.float32)], seed=0))
    ['noise', 'out_of_range', 'zero']
    """
    rng = np.random.default_rng(seed)
    zero = [np.zeros_like(obs) for obs in observations]
    if observations[0].dtype == np.uint8:
        noisy = [_as_bytes(obs + rng.normal(0, 2.55, obs.shape)) for obs in observations]
        return {"zero": zero, "out_of_range": [np.full_like(obs, 255) for obs in observations], "noise": noisy}
    spread = np.concatenate(list(observations)).std(axis=0)
    unit = np.where(spread > 0, spread, max(float(spread.mean()), 1e-3))
    far = [(obs + _FAR * unit).astype(obs.dtype) for obs in observations]
    noisy = [(obs + _NOISE * spread * rng.standard_normal(obs.shape)).astype(obs.dtype) for obs in observations]
    return {"zero": zero, "out_of_range": far, "noise": noisy}


def within(lengths: Sequence[int], steps: int) -> int:
    """Return how many of the first episodes have at most so many steps together; at least one.

    >>> within([10, 10, 10], 25)
    2
    """
    return max(1, int(np.searchsorted(np.cumsum(lengths), steps, side="right")))


def _typical(store: Tensor) -> Tensor:
    scaled = (store - store.mean(0)) / store.std(0, correction=0).clamp_min(1e-6)
    return store[scaled.square().sum(1).argmin()][None]


def _spliced(episodes: Sequence[Tensor], length: int, stretch: int, rng: np.random.Generator) -> Tensor:
    count = -(-length // stretch)
    chosen = rng.integers(0, len(episodes), count)
    pieces = []
    for index in chosen:
        start = int(rng.integers(0, max(1, len(episodes[index]) - stretch + 1)))
        pieces.append(episodes[index][start : start + stretch])
    joined = torch.cat(pieces)
    # Episodes shorter than a stretch leave a rest, which the last step fills.
    missing = length - len(joined)
    return joined[:length] if missing <= 0 else torch.cat([joined, joined[-1:].expand(missing, -1)])


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
