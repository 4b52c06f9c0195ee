"""The VadCLIP head: no look into the future, its parts by hand, and what it learns from weak labels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsreward.detection.metrics import roc_auc
from tsreward.scorers.vadclip import VadCLIP, VadCLIPOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

K, D = 16, 6


def episodes(count: int, seed: int, bad: float = 0.0) -> tuple[list[Tensor], Tensor]:
    """Return smooth walks in which a fraction `bad` of the steps is thrown far off in one feature, and which are."""
    noise = torch.Generator().manual_seed(seed)
    walks = torch.randn(count, 60, D, generator=noise).cumsum(1) * 0.2
    thrown = torch.rand(count, 60, generator=noise) < bad
    walks[..., 2] += 6 * thrown
    return list(walks), thrown.flatten()


@pytest.fixture(scope="module")
def made() -> VadCLIP:
    scorer = VadCLIP(K, VadCLIPOptions(width=16))
    scorer.materialise(D)
    return scorer


def test_no_step_sees_a_later_one(made: VadCLIP) -> None:
    windows = torch.randn(3, K, D, generator=torch.Generator().manual_seed(0))
    before = made.steps(windows)
    for step in (3, 9, K - 1):
        changed = windows.clone()
        changed[:, step] += 2
        after = made.steps(changed)
        for old, new in zip(before, after, strict=True):
            assert torch.equal(old[:, :step], new[:, :step])
            assert not torch.allclose(old[:, step], new[:, step])


def test_neighbours_are_weighted_as_the_paper_says(made: VadCLIP) -> None:
    raw = [[math.exp(-abs(i - j) / math.e) if j <= i else 0.0 for j in range(K)] for i in range(K)]
    assert torch.allclose(made.near, torch.tensor([[value / sum(row) for value in row] for row in raw]))
    windows = torch.tensor([[1.0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1, 0.1, 0, 0, 0, 0]]).repeat(6, 1)[:K][None]
    weights = made._similarity(windows)[0]
    assert weights[1].tolist() == pytest.approx([0, 1] + [0] * 14)  # at a right angle to the one before
    cosine = 1 / math.sqrt(1.01)
    near = math.exp(cosine) / (math.exp(cosine) + math.e)
    assert weights[2].tolist() == pytest.approx([near, 0, 1 - near] + [0] * 13, abs=1e-6)


@pytest.mark.parametrize("branch", ["binary", "class"])
def test_it_finds_the_bad_steps_though_only_windows_were_labelled(branch) -> None:
    scorer = VadCLIP(K, VadCLIPOptions(width=32, branch=branch))
    settings = TrainOptions(epochs=8, batch_size=64, windows_per_epoch=1_000)
    normal, negative = (WindowSet.from_episodes(episodes(8, seed, bad)[0], K) for seed, bad in ((0, 0.0), (1, 0.25)))
    scorer.fit(normal, negative, settings)
    unseen, thrown = episodes(4, 2, bad=0.25)
    assert roc_auc(thrown.numpy(), scorer.score_all(WindowSet.from_episodes(unseen, K)).numpy()) > 0.9
