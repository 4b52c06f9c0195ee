"""What a fresh classifier tells apart, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.audit.search.distinguish import baseline, distinguish
from tsreward.errors import DataError


def rounds(number: int, noise: float = 0.0, phase: bool = True, speed: float = 0.1, first: int = 0) -> list:
    """Return episodes that go in a circle, each from a place of its own, with noise of single steps."""
    found = []
    for seed in range(first, first + number):
        rng = np.random.default_rng(seed)
        angle = speed * np.arange(200) + (rng.uniform(0, 2 * np.pi) if phase else 0.0)
        found.append(torch.as_tensor(np.stack([np.cos(angle), np.sin(angle)], 1) + noise * rng.normal(size=(200, 2))))
    return [episode.float() for episode in found]


def test_noise_and_phase_are_told_apart_less_when_steps_are_averaged():
    expert = rounds(8)
    assert baseline(expert).value < 0.75
    assert distinguish(expert, rounds(8, first=50)).value < 0.75  # another place to begin from
    expert, noisy = rounds(8, noise=0.02), rounds(8, noise=0.05, first=50)
    assert distinguish(expert, noisy, scale=1).value > 0.93 > distinguish(expert, noisy, scale=4).value


def test_other_behaviour_is_told_apart_at_every_scale():
    expert = rounds(8)
    for other in (rounds(8, speed=0.05, first=50), rounds(8, speed=-0.1, first=50)):
        for scale in (1, 4):
            assert distinguish(expert, other, scale).value > 0.97


def test_too_few_episodes_are_refused():
    with pytest.raises(DataError, match="takes two episodes of each, got 3 and 1"):
        distinguish(rounds(3), rounds(1))
    with pytest.raises(DataError, match="takes four episodes or more, got 3"):
        baseline(rounds(3))
