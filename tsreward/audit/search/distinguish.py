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


def distinguish_rows(expert: np.ndarray, other: np.ndarray, seed: int = 0) -> Interval:
    """Return the area for independent rows [N, C] and [M, C], such as single windows: half teach, the others are told.

    Raises:
        MissingExtraError: scikit-learn is not installed.

    >>> draw = np.random.default_rng(0)
    >>> distinguish_rows(draw.normal(size=(40, 2)), draw.normal(5, 1, size=(40, 2))).value > 0.95
    True
    """
    halves = [np.array_split(np.random.default_rng(seed).permutation(rows), 2) for rows in (expert, other)]
    areas = []
    for at in (0, 1):
        held = [each[1 - at] for each in halves]
        scores = _strangeness(halves[0][at], halves[1][at], np.concatenate(held), seed)
        parts = [np.split(part, len(part)) for part in np.split(scores, [len(held[0])])]
        areas.append(separation("other", parts[0], parts[1], seed).roc)
    return _mean(areas)


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
    normal, strange = (np.concatenate([_windows(one, scale) for one in each]) for each in learned)
    windows = [_windows(one, scale) for each in held for one in each]
    scores = _strangeness(normal, strange, np.concatenate(windows), seed)
    parts = np.split(scores, np.cumsum([len(one) for one in windows])[:-1])
    return separation("other", parts[: len(held[0])], parts[len(held[0]) :], seed).roc


def _strangeness(normal: np.ndarray, strange: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return the probability [N] that rows are strange, of a classifier that has learned from others."""
    try:
        from sklearn.ensemble import ExtraTreesClassifier
    except ImportError as error:
        raise missing_extra("scikit-learn", "logs") from error
    trees = ExtraTreesClassifier(_TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed)
    trees.fit(np.concatenate([normal, strange]), np.arange(len(normal) + len(strange)) >= len(normal))
    return np.asarray(trees.predict_proba(rows))[:, 1]


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
