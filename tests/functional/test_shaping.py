"""Shapes of rewards: bounded, falling, and what their derivation says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tsreward.functional.shaping import least_squares_likeness, odds_likeness, smooth_episodes, smooth_step


@pytest.mark.parametrize("shape", [odds_likeness, least_squares_likeness])
def test_it_falls_from_one_to_zero(shape: Callable[[Tensor], Tensor]) -> None:
    got = shape(torch.cat([torch.linspace(0, 10, 500), torch.logspace(1, 38, 200)]))
    assert got[0] == 1 and (got.diff() <= 0).all() and (got >= 0).all() and got[-1] < 1e-6
    assert torch.isfinite(got).all()


def test_small_rewards_keep_their_digits() -> None:
    scores = torch.tensor([1e3, 1e5])
    exact = 1 - (scores.double() ** 2 / (1 + scores.double() ** 2)) ** 2
    torch.testing.assert_close(odds_likeness(scores).double(), exact, rtol=1e-3, atol=0)


def test_the_optimum_of_the_distance_pays_what_the_optimum_of_the_discriminator_pays() -> None:
    # Two densities over five outcomes; both losses are minimised numerically, outcome by outcome.
    expert = torch.tensor([0.5, 0.2, 0.15, 0.1, 0.05], dtype=torch.float64)
    agent = torch.tensor([0.05, 0.1, 0.15, 0.3, 0.4], dtype=torch.float64)
    distance = torch.zeros(5, dtype=torch.float64, requires_grad=True)  # log s, so that s > 0
    output = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([distance, output], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        apart = (expert * distance.exp() + agent / distance.exp()).sum()
        squares = (expert * (output - 1) ** 2 + agent * (output + 1) ** 2).sum()
        (apart + squares).backward()
        return apart + squares

    optimiser.step(loss)  # type: ignore[arg-type]
    torch.testing.assert_close(distance.detach().exp().square(), agent / expert, rtol=1e-3, atol=1e-4)
    one = odds_likeness(distance.detach().exp().float())
    other = least_squares_likeness((1 - output.detach()).float())
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


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
