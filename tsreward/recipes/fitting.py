"""From recorded episodes to a fitted reward model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tsreward.detection.metrics.ranking import label_agreement
from tsreward.encoders.base import Encoder, Identity
from tsreward.encoders.picture_shapes import are_pictures
from tsreward.encoders.pixel_pca import PixelPCA
from tsreward.encoders.sorted_lidar import SortedLidar, SortedLidarOptions
from tsreward.envs.lidar import describe
from tsreward.errors import DataError
from tsreward.functional.seeding import generator
from tsreward.named_warnings import warn
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.scores import score_episodes
from tsreward.rewards.base import MODES, RewardMode
from tsreward.scorers.presets import ScorerPreset
from tsreward.sequences.episodes import Episode, columns_of, safe_windows
from tsreward.sequences.shards import BLOCK, Shards
from tsreward.sequences.windows import WindowSet
from tsreward.training import Report, TrainOptions

_NEGATIVES, _REWARDS = 100_000, 1_000_000
"""Unsafe windows, and rewards, that are kept at most of files that are read one at a time."""
WEAK_ROC = 0.7
"""Below it, the ROC of a score against cost is worth a warning."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how many windows it was shown."""

    model: RewardModel
    normal: int
    negative: int
    """Negatives: windows known to be anomalous; 0 for a scorer that does not use them."""


def fit_reward(
    episodes: Sequence[Episode],
    window: int,
    scorer: ScorerPreset,
    mode: RewardMode,
    encoder: Encoder,
    options: TrainOptions,
    report: Report | None = None,
) -> Fitted:
    """Fit a model on the safe windows of episodes with costs, or on all windows of episodes without.

    A penalty that has seen no cost, or none above 0, is warned of: it takes everything for safe.

    Raises:
        StrictError: that, where warnings are errors.
        DataError: no window is safe or long enough, damaged data, or only some of the episodes have costs.
        ShapeError: the episodes have another observation than the encoder.
    """
    model = RewardModel(scorer.build(window), mode, encoder)
    normal, unsafe = _windows(episodes, window)
    negative = unsafe if scorer.negative else None
    rewards = [episode.rewards for episode in episodes if episode.rewards is not None]
    model.fit(normal, negative, np.concatenate(rewards) if rewards else None, options, report=report)
    costs = any(episode.costs is not None for episode in episodes)
    _tell_of_costs(sum(map(len, episodes)), costs, bool(rewards), mode, scorer, unsafe is not None)
    return Fitted(model, len(normal), 0 if negative is None else len(negative))


def fit_reward_by_file(
    read: Callable[[int], Sequence[Episode]],
    files: int,
    window: int,
    scorer: ScorerPreset,
    mode: RewardMode,
    encoder: Encoder,
    options: TrainOptions,
    report: Report | None = None,
) -> Fitted:
    """Fit a model as `fit_reward` does, on files of which memory holds one at a time; see `RewardModel.fit_shards`.

    Of unsafe windows, a sample of 100,000 at most is kept, and of rewards one of a million.

    Args:
        read: returns the episodes of a file, by its place; a file is read several times.
        files: how many there are, two or more.
        window, scorer, mode, encoder, options, report: as for `fit_reward`.

    Raises:
        StrictError: a penalty has seen no cost, or none above 0, where warnings are errors.
        DataError: fewer than two files, or what `fit_reward` refuses.
        ShapeError: the episodes have another observation than the encoder.
    """
    if files < 2:
        raise DataError(f"One file at a time takes two files or more, of which some are held out, got {files}: cut it.")
    model = RewardModel(scorer.build(window), mode, encoder)
    noise, number, steps = generator(options.seed), 0, 0
    unsafe, rewards, costs = [], [], []
    for place in range(files):
        episodes = read(place)
        normal, bad = _windows(episodes, window)
        number, steps = number + len(normal), steps + sum(map(len, episodes))
        costs += [episode.costs is not None for episode in episodes]
        if bad is not None:
            unsafe.append(bad.blocks(min(1.0, _NEGATIVES / files / len(bad)), BLOCK, noise))
        paid = [episode.rewards for episode in episodes if episode.rewards is not None]
        if paid:
            rewards.append(np.concatenate(paid)[:: 1 + sum(map(len, paid)) * files // _REWARDS])
    if any(costs) and not all(costs):
        raise DataError("Some episodes have costs, and others have none: give files of one kind.")
    _tell_of_costs(steps, any(costs), bool(rewards), mode, scorer, bool(unsafe))
    negative = WindowSet.concat(unsafe) if unsafe and scorer.negative else None
    shards = Shards(files, lambda place: _windows(read(place), window)[0])
    model.fit_shards(shards, negative, np.concatenate(rewards) if rewards else None, options, report=report)
    return Fitted(model, number, 0 if negative is None else len(negative))


def _windows(episodes: Sequence[Episode], window: int) -> tuple[WindowSet, WindowSet | None]:
    """Return the windows that are normal, and those known to be unsafe, if any."""
    if any(episode.costs is not None for episode in episodes):
        return safe_windows(episodes, window)
    columns, episodes = columns_of(episodes)
    return WindowSet.from_episodes([episode.obs for episode in episodes], window).named(columns), None


def _tell_of_costs(
    steps: int, costs: bool, rewards: bool, mode: RewardMode, scorer: ScorerPreset, unsafe: bool
) -> None:
    """Warn where nothing in the data says what is unsafe although the model is to know it."""
    if not costs:
        if not mode.replaces and rewards:
            warn(
                "no costs",
                f"A {MODES.name_of(type(mode))} is fitted on {steps:,} steps without any cost, so all of them count as "
                f"safe: name where costs are with cost_key (--cost-key), or leave out what is unsafe yourself.",
            )
    elif not unsafe and (not mode.replaces or scorer.negative):
        warn(
            "costs of one kind",
            f"None of {steps:,} steps has a cost above 0, so the model learned from safe windows alone, and nothing "
            f"can tell whether it knows what is unsafe: collect for longer, or look for another cost with cost_key, "
            f"cost_sign or cost_above (--cost-key, --cost-sign, --cost-above).",
        )


def encoder_for(episodes: Sequence[Episode], env: str | None = None) -> Encoder:
    """Return pixel PCA, fitted on them, for episodes of pictures, else what suits the environment they are from.

    Where that has other observations, what suits it is returned in either case.

    Raises:
        DataError: too few pictures.
    """
    shape = episodes[0].obs.shape[1:]
    suited = Identity(shape) if env is None else suited_encoder(env, shape)
    if suited.obs_shape != shape or not are_pictures(episodes[0].obs):
        return suited
    encoder = PixelPCA(shape)
    encoder.fit([episode.obs for episode in episodes])
    return encoder


def suited_encoder(env: str, parts: tuple[int, ...] = ()) -> Encoder:
    """Return sorted lidar for environments with rings of movable objects, else the observation as it is.

    Where that is a Dict or a Tuple, `parts` is the shape of what is picked of it.
    """
    shape, rings = describe(env)
    return SortedLidar(shape, SortedLidarOptions(groups=rings)) if rings else Identity(shape or parts)


def hold_out(episodes: Sequence[Episode], fraction: float, seed: int) -> tuple[list[Episode], list[Episode]]:
    """Return (the rest, a random fraction of the episodes).

    Raises:
        DataError: fewer than two episodes.
    """
    if len(episodes) < 2:
        raise DataError(f"Holding out episodes needs at least 2, got {len(episodes)}: collect for longer.")
    order = torch.randperm(len(episodes), generator=generator(seed)).tolist()
    cut = min(len(episodes) - 1, max(1, round(fraction * len(episodes))))
    return [episodes[index] for index in order[cut:]], [episodes[index] for index in order[:cut]]


def warn_of_weak_scorer(roc: float, episodes: int | None = None) -> None:
    """Give the warning "weak scorer" where the ROC of the score against cost is below `WEAK_ROC`."""
    if roc < WEAK_ROC:
        on = "" if episodes is None else f" on {episodes} held-out episodes"
        warn(
            "weak scorer",
            f"The ROC of the score against cost is {roc:.2f}{on}, where 0.5 is chance: the reward hardly knows what is "
            f"unsafe. Collect more unsafe steps, try --scorer deep_sad or semi_supervised_ae or another --window, and "
            f"look at it with tsreward audit.",
        )


def agreement_with_cost(model: RewardModel, episodes: Sequence[Episode]) -> tuple[float, float]:
    """Return ROC area and average precision of the score against cost, over all transitions of the episodes.

    Raises:
        DataError: every transition has a cost, or none.
    """
    scores = score_episodes(model, episodes)
    if scores.label is None:
        raise DataError(
            "Agreement with cost needs episodes with costs: name where they are with cost_key (--cost-key)."
        )
    if scores.label.all() or not scores.label.any():
        which = "Every" if scores.label.any() else "None"
        raise DataError(
            f"{which} of {len(scores.label)} held-out steps has a cost, so the scorer cannot be evaluated: collect for "
            f"more steps."
        )
    result = label_agreement(scores.label, scores.score)
    return result.roc, result.average_precision
