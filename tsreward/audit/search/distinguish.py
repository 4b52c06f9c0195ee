"""Can behaviour be told from an expert's by somebody who has not seen the reward? A fresh classifier says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tsreward.audit.separation import Interval, separation
from tsreward.errors import DataError, missing_extra
from tsreward.sequences.windows import WindowSet

SCALES = (1, 4)
"""Steps that are averaged before behaviours are compared: noise of single steps is seen at 1, and hardly at 4."""
_WINDOW = 4
_WAYS = 3
_TREES = 100


def distinguish(expert: Sequence[Tensor], other: Sequence[Tensor], scale: int = 1, seed: int = 0) -> Interval:
    """Return d: the ROC AUC of a fresh classifier between an expert and others.

    0.5 is what nobody can tell apart, 1 what everybody can. Extremely randomised trees (Geurts et al. 2006), which few
    episodes teach well, see windows of 4 steps, of positions and of movements, both averaged over `scale` steps. Half
    of the episodes of both kinds teach them, and the other half is compared; then the halves change places. Value and
    interval, which is bootstrapped over episodes, are means of both.

    Args:
        expert: features [T + 1, D] of two episodes or more.
        other: the same of what is compared with them.
        scale: steps that are averaged.
        seed: of the split and of the classifier.

    Raises:
        DataError: fewer than two episodes of a kind.
        MissingExtraError: scikit-learn is not installed.

    >>> draw = torch.Generator().manual_seed(0)
    >>> here = [torch.randn(60, 2, generator=draw) for _ in range(4)]
    >>> there = [3 + torch.randn(60, 2, generator=draw) for _ in range(4)]
    >>> distinguish(here, there).value > 0.95
    True
    """
    if min(len(expert), len(other)) < 2:
        raise DataError(f"Telling behaviours apart takes two episodes of each, got {len(expert)} and {len(other)}.")
    experts, others = ([_motion(one, scale) for one in each] for each in (expert, other))
    halves = list(zip(_halves(experts, seed), _halves(others, seed), strict=True))
    return _mean([_area(halves[at], halves[1 - at], scale, seed) for at in (0, 1)])


def baseline(expert: Sequence[Tensor], scale: int = 1, seed: int = 0) -> Interval:
    """Return d between two halves of the expert's own episodes: what an expert is told from itself by chance.

    It is the mean over three ways to halve them.

    Raises:
        DataError: fewer than four episodes.
    """
    if len(expert) < 4:
        raise DataError(f"Comparing an expert with itself takes four episodes or more, got {len(expert)}.")
    return _mean([distinguish(*_halves(expert, seed + 1 + way), scale, seed) for way in range(_WAYS)])


_Pair = tuple[Sequence[Tensor], Sequence[Tensor]]


def _area(learned: _Pair, held: _Pair, scale: int, seed: int) -> Interval:
    """Return the area for held (expert, other) episodes, of a classifier that learned from others."""
    try:
        from sklearn.ensemble import ExtraTreesClassifier
    except ImportError as error:
        raise missing_extra("scikit-learn", "logs") from error
    normal, strange = ([_windows(one, scale) for one in each] for each in learned)
    rows = np.concatenate([*normal, *strange])
    labels = np.arange(len(rows)) >= sum(map(len, normal))
    trees = ExtraTreesClassifier(_TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed)
    trees.fit(rows, labels)
    scores = [[np.asarray(trees.predict_proba(_windows(one, scale)))[:, 1] for one in each] for each in held]
    return separation("other", scores[0], scores[1], seed).roc


def _windows(motion: Tensor, scale: int) -> np.ndarray:
    windows = WindowSet.of_arrivals([motion], _WINDOW, scale)
    return windows.gather(torch.arange(len(windows))).flatten(1).numpy()


def _motion(features: Tensor, scale: int) -> Tensor:
    """Return [T + 1, 2·D]: means over the last `scale` steps, and how they changed in as many.

    >>> _motion(torch.tensor([[0.0], [2.0], [4.0]]), scale=2).tolist()
    [[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]]
    """
    before = torch.cat([features[:1].expand(scale - 1, -1), features]).double()
    sums = torch.cat([torch.zeros_like(before[:1]), before.cumsum(0)])
    means = (sums[scale:] - sums[:-scale]) / scale
    earlier = torch.cat([means[:1].expand(scale, -1), means])[: len(means)]
    return torch.cat([means, means - earlier], 1).to(features.dtype)


def _halves(episodes: Sequence[Tensor], seed: int) -> tuple[list[Tensor], list[Tensor]]:
    order = np.random.default_rng(seed).permutation(len(episodes))
    middle = len(episodes) // 2
    return [episodes[at] for at in order[:middle]], [episodes[at] for at in order[middle:]]


def _mean(areas: Sequence[Interval]) -> Interval:
    return Interval(*(float(np.mean([getattr(area, part) for area in areas])) for part in ("value", "low", "high")))
