"""Exponential moving average of scores that starts anew with every episode."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def smooth_step(previous: Float[Tensor, " e"], scores: Float[Tensor, " e"], share: float) -> Float[Tensor, " e"]:
    """Return s̄_t = (1 − λ) s_t + λ s̄_{t−1}; where `previous` is NaN the episode begins and s̄_t = s_t.

    >>> smooth_step(torch.tensor([4.0, torch.nan]), torch.tensor([0.0, 2.0]), share=0.5)
    tensor([2., 2.])
    """
    return torch.where(previous.isnan(), scores, (1 - share) * scores + share * previous)


def smooth_episodes(scores: Float[Tensor, " b"], episode: Int[Tensor, " b"], share: float) -> Float[Tensor, " b"]:
    """Return the moving average of consecutive scores, restarted wherever the episode number changes.

    >>> smooth_episodes(torch.tensor([4.0, 0.0, 1.0]), torch.tensor([0, 0, 3]), share=0.5)
    tensor([4., 2., 1.])
    """
    if share == 0 or len(scores) == 0:
        return scores
    _, lengths = episode.unique_consecutive(return_counts=True)
    padded = torch.nn.utils.rnn.pad_sequence(list(scores.split(lengths.tolist())))  # [T, E]
    smoothed, previous = [], torch.full_like(padded[0], torch.nan)
    for step in padded:
        previous = smooth_step(previous, step, share)
        smoothed.append(previous)
    columns = torch.stack(smoothed, 1)  # [E, T]
    return torch.cat([column[:length] for column, length in zip(columns, lengths.tolist(), strict=True)])
