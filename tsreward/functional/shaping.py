"""From scores to rewards: smoothing over time and the decreasing functions g."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def smooth_step(previous: Float[Tensor, " e"], scores: Float[Tensor, " e"], fraction: float) -> Float[Tensor, " e"]:
    """Return s̄_t = (1 − λ) s_t + λ s̄_{t−1}; where `previous` is NaN the episode begins and s̄_t = s_t.

    >>> smooth_step(torch.tensor([4.0, torch.nan]), torch.tensor([0.0, 2.0]), fraction=0.5)
    tensor([2., 2.])
    """
    return torch.where(previous.isnan(), scores, (1 - fraction) * scores + fraction * previous)


def smooth_episodes(scores: Float[Tensor, " b"], episode: Int[Tensor, " b"], fraction: float) -> Float[Tensor, " b"]:
    """Return the moving average of consecutive scores, restarted wherever the episode number changes.

    >>> smooth_episodes(torch.tensor([4.0, 0.0, 1.0]), torch.tensor([0, 0, 3]), fraction=0.5)
    tensor([4., 2., 1.])
    """
    if fraction == 0 or len(scores) == 0:
        return scores
    _, lengths = episode.unique_consecutive(return_counts=True)
    padded = torch.nn.utils.rnn.pad_sequence(list(scores.split(lengths.tolist())))  # [T, E]
    smoothed, previous = [], torch.full_like(padded[0], torch.nan)
    for step in padded:
        previous = smooth_step(previous, step, fraction)
        smoothed.append(previous)
    columns = torch.stack(smoothed, 1)  # [E, T]
    return torch.cat([column[:length] for column, length in zip(columns, lengths.tolist(), strict=True)])


def severity(p_value: Float[Tensor, " b"], false_alarm_rate: float) -> Float[Tensor, " b"]:
    """Return 1 − p / (2 · rate) for flagged windows, p ≤ rate: from 1/2 at the threshold towards 1 the rarer they are.

    The step at the threshold keeps a penalty from fading where unsafe windows look only a little strange.

    >>> severity(torch.tensor([0.05, 0.01]), false_alarm_rate=0.05)
    tensor([0.5000, 0.9000])
    """
    return 1 - p_value / (2 * false_alarm_rate)


def exponential_likeness(
    scores: Float[Tensor, " b"], origin: float | Tensor, scale: float | Tensor
) -> Float[Tensor, " b"]:
    """Return exp(−max(0, s − origin) / scale) in [0, 1].

    >>> exponential_likeness(torch.tensor([0.0, 1.0, 3.0]), origin=1.0, scale=2.0)
    tensor([1.0000, 1.0000, 0.3679])
    """
    return torch.exp(-(scores - origin).clamp_min(0) / scale)


def odds_likeness(scores: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Return 1 − (s² / (1 + s²))² in [0, 1]: 1 where s is 0, 3/4 where s is 1.

    For a score s >= 0 that learned E_expert[s] + η · E_agent[1/s] (Deep SAD with the agent's windows as negatives). At
    every window p_expert · s + η · p_agent / s is least where s² = η · p_agent / p_expert, so s² are the odds that the
    agent did it. The least-squares discriminator is at its best d = (p_expert − p_agent) / (p_expert + p_agent), and
    its reward (Peng et al. 2021, AMP, eq. 7) max(0, 1 − (d − 1)² / 4) is 1 − (p_agent / (p_expert + p_agent))². With
    η = 1 this shape is that reward.

    >>> odds_likeness(torch.tensor([0.0, 1.0, 3.0]))
    tensor([1.0000, 0.7500, 0.1900])
    """
    # r = s² / (1 + s²) and 1 − r² = (1 − r)(1 + r), neither of which loses digits or overflows into NaN.
    fraction = 1 / (1 + scores.square().reciprocal())
    return (1 + fraction) / (1 + scores.square())


def least_squares_likeness(scores: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Return max(0, 1 − s² / 4) for s = 1 − d of a least-squares discriminator d (Peng et al. 2021, AMP, eq. 7).

    >>> least_squares_likeness(torch.tensor([0.0, 1.0, 3.0]))
    tensor([1.0000, 0.7500, 0.0000])
    """
    return (1 - scores.square() / 4).clamp_min(0)
