"""The moving average, step by step and over whole episodes."""

import torch

from tsreward.functional.smoothing import smooth_episodes, smooth_step


def test_whole_episodes_equal_stepping_through_them_to_the_bit(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    lengths = [1, 7, 30, 2]
    scores = torch.randn(sum(lengths), generator=draw)
    episode = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    expected = []
    for part in scores.split(lengths):
        previous = torch.tensor([torch.nan])
        for score in part:
            previous = smooth_step(previous, score[None], 0.7)
            expected.append(previous)
    assert torch.equal(smooth_episodes(scores, episode, 0.7), torch.cat(expected))


def test_no_smoothing_gives_the_scores() -> None:
    scores = torch.randn(5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(smooth_episodes(scores, torch.zeros(5, dtype=torch.long), 0.0), scores)
