"""EPIC: a distance between rewards that no constant, no scale and no potential changes (Gleave et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tsreward.evaluation.audit.behaviour import Behaviour
from tsreward.evaluation.audit.ranks import pearson
from tsreward.evaluation.audit.rating import arrivals, rate_windows
from tsreward.model import RewardModel

TrueReward = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rewards [B] of transitions from observations [B, *obs] to observations [B, *obs]."""

_TRANSITIONS, _STATES, _DISCOUNT = 256, 16, 0.99


@dataclass(frozen=True)
class Epic:
    """How far the learned reward is from the true one, 0 (the same preferences) to 1 (opposite)."""

    distance: float
    """sqrt((1 − ρ) / 2) of the canonically shaped rewards."""
    pearson_distance: float
    """The same without canonical shaping, of the rewards as they are paid."""
    transitions: int
    exact_truth: bool
    """Whether the true reward could be asked; otherwise the recorded one is taken to depend on the arrival alone."""


def epic(
    model: RewardModel,
    pool: Sequence[Behaviour],
    truth: Sequence[np.ndarray],
    seed: int,
    true_reward: TrueReward | None = None,
) -> Epic | None:
    """Return the EPIC distance of the learned reward to the true one; None where one of them is constant.

    The coverage sample is 256 recorded transitions (o, o') of `pool`, whose true rewards [N] are in `truth`, one column
    for each behaviour; states S' are 16 arrivals of the same pool. The learned reward of (o, o') is that of the window
    o, ..., o, o', so history beyond one step is left out. A recorded reward cannot be asked for other transitions:
    without `true_reward` it is taken to depend on o' alone, so that its canonical shape differs from it by a constant.
    """
    rng = np.random.default_rng(seed)
    features = [episode for behaviour in pool for episode in behaviour.features]
    windows, true = arrivals(features, 2), np.concatenate(truth)
    drawn = np.sort(rng.choice(len(windows), min(_TRANSITIONS, len(windows)), replace=False))
    states = rng.choice(len(windows), min(_STATES, len(windows)), replace=False)
    pairs, reached = windows.gather(torch.from_numpy(drawn)), windows.store[windows.last[torch.from_numpy(states)]]

    def learned(start: torch.Tensor, end: torch.Tensor) -> np.ndarray:
        return rate_windows(model, torch.cat([start[:, None].repeat(1, model.window, 1)[:, 1:], end[:, None]], 1))[1]

    shaped = _canonical(learned, pairs[:, 0], pairs[:, 1], reached)
    paid = np.concatenate([behaviour.rated.learned for behaviour in pool])[drawn]
    target = shaped_truth = true[drawn]
    if true_reward is not None:
        rows = np.concatenate([episode.obs for behaviour in pool for episode in behaviour.episodes])
        ends, there = windows.last[torch.from_numpy(drawn)].numpy(), windows.last[torch.from_numpy(states)].numpy()
        shaped_truth = _canonical(true_reward, rows[ends - 1], rows[ends], rows[there])
    close, plain = pearson(shaped, shaped_truth), pearson(paid, target)
    if close is None or plain is None:
        return None
    return Epic(pearson_distance(close), pearson_distance(plain), len(drawn), true_reward is not None)


def pearson_distance(correlation: float) -> float:
    """Return sqrt((1 − ρ) / 2).

    >>> pearson_distance(-1.0)
    1.0
    """
    return float(np.sqrt((1 - correlation) / 2))


def _canonical(reward: Callable, start, end, states) -> np.ndarray:
    """Return r(o, o') + E[γ r(o', S') − r(o, S') − γ r(S, S')] of every transition (definition 4.1)."""
    number = len(states)

    def expected(rows) -> np.ndarray:
        many, repeats = _repeat(rows, number), len(rows)
        return np.asarray(reward(many, _tile(states, repeats)), dtype=np.float64).reshape(repeats, number).mean(1)

    anywhere = expected(states).mean()
    plain = np.asarray(reward(start, end), dtype=np.float64)
    return plain + _DISCOUNT * expected(end) - expected(start) - _DISCOUNT * anywhere


def _repeat(rows, times: int):
    return rows.repeat_interleave(times, 0) if isinstance(rows, torch.Tensor) else np.repeat(rows, times, axis=0)


def _tile(rows, times: int):
    if isinstance(rows, torch.Tensor):
        return rows.repeat(times, *[1] * (rows.ndim - 1))
    return np.tile(rows, (times, *[1] * (rows.ndim - 1)))
