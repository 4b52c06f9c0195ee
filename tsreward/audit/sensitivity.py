"""What the score depends on: which features, how much history, and averaging over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsreward.audit.agreement import spearman
from tsreward.audit.behaviour import Behaviour, rate_windows
from tsreward.detection.metrics import roc_auc
from tsreward.functional.shaping import smooth_episodes
from tsreward.pipeline.model import RewardModel
from tsreward.sequences.windows import WindowSet

_FEATURE_WINDOWS, _FEW, _HISTORY_WINDOWS = 16_384, 32, 1_000
_SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class History:
    """Scores where all but the last `steps` steps of a window are replaced by the oldest of those."""

    steps: int
    roc: float
    """Good against bad behaviour."""
    agreement: float | None
    """Rank correlation with the scores of whole windows."""


@dataclass(frozen=True)
class Smoothing:
    """Scores averaged over time: s̄_t = (1 − fraction) s_t + fraction s̄_{t−1}."""

    fraction: float
    roc: float
    """Good against bad behaviour."""


def feature_effects(model: RewardModel, good: Behaviour, bad: Behaviour, seed: int) -> tuple[float, ...]:
    """Return the permutation importance of each feature, as fractions of their sum (Breiman 2001): the mean |change| of
    the score when all steps of a window take the feature's values from another window of the same kind of data.

    All zero where no feature changes anything.
    """
    dim = good.features[0].shape[1]
    windows = _sample(model, (good, bad), min(512, max(_FEW, _FEATURE_WINDOWS // dim)), seed)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(windows)))
    before = rate_windows(model, windows).score
    moved = np.zeros(dim)
    for feature in range(dim):  # one feature after another: all at once would hold D copies of the windows
        changed = windows.clone()
        changed[..., feature] = windows[order][..., feature]
        moved[feature] = np.abs(rate_windows(model, changed).score.astype(np.float64) - before).mean()
    total = moved.sum()
    return tuple((moved / total if total > 0 else moved).tolist())


def history_effect(model: RewardModel, good: Behaviour, bad: Behaviour, seed: int) -> tuple[History, ...]:
    """Return the ROC of the scores with less and less history, down to the last step alone."""
    parts = [_sample(model, (behaviour,), _HISTORY_WINDOWS, seed) for behaviour in (good, bad)]
    windows, labels = torch.cat(parts), np.repeat([0, 1], [len(part) for part in parts])
    whole = rate_windows(model, windows).score
    rows = []
    for steps in _depths(model.window):
        cut = windows.clone()
        cut[:, : model.window - steps] = windows[:, model.window - steps][:, None]
        scores = rate_windows(model, cut).score
        rows.append(History(steps, roc_auc(labels, scores), spearman(whole, scores)))
    return tuple(rows)


def smoothing_effect(model: RewardModel, good: Behaviour, bad: Behaviour) -> tuple[Smoothing, ...]:
    """Return how averaging the scores over time changes the ROC; includes the fraction that the model uses."""
    rows = []
    for fraction in sorted({*_SMOOTHING, model.mode.options.smoothing}):
        smoothed = [_smoothed(behaviour, fraction) for behaviour in (good, bad)]
        labels = np.repeat([0, 1], [len(part) for part in smoothed])
        rows.append(Smoothing(fraction, roc_auc(labels, np.concatenate(smoothed))))
    return tuple(rows)


def _smoothed(behaviour: Behaviour, fraction: float) -> np.ndarray:
    episode = torch.from_numpy(np.repeat(np.arange(len(behaviour.rated.lengths)), behaviour.rated.lengths))
    return smooth_episodes(torch.from_numpy(behaviour.rated.raw), episode, fraction).numpy()


def _sample(model: RewardModel, behaviours: tuple[Behaviour, ...], count: int, seed: int) -> Tensor:
    windows = WindowSet.of_arrivals(
        [part for behaviour in behaviours for part in behaviour.features], model.window, model.frame_skip
    )
    rows = np.random.default_rng(seed).choice(len(windows), min(count, len(windows)), replace=False)
    return windows.gather(torch.from_numpy(np.sort(rows)))


def _depths(window: int) -> list[int]:
    """Return 1, 2, 4, ... and the window itself.

    >>> _depths(6)
    [1, 2, 4, 6]
    """
    return sorted({*(2**power for power in range(window.bit_length()) if 2**power <= window), window})
