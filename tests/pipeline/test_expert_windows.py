"""How near an episode is to an expert, where that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsreward.encoders.base import Identity
from tsreward.errors import DataError
from tsreward.pipeline.expert_windows import ExpertWindows
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.pca import PCA


def circle(steps: int, begin: float = 0.0, radius: float = 1.0, speed: float = 0.1) -> torch.Tensor:
    at = begin + speed * torch.arange(steps)
    return radius * torch.stack([at.cos(), at.sin()], 1)


EXPERT = [circle(100, begin) for begin in (0.0, 1.03, 2.07, 3.02)]


def test_the_expert_itself_is_as_near_as_the_expert():
    expert = ExpertWindows.of(EXPERT, window=4)
    near = expert.compare(circle(100, 0.51), np.ones(100))
    assert 0.1 < near.distance < 2
    assert 0.1 < near.paid_auc < 0.9
    assert near.motion == pytest.approx(1, abs=0.05)
    assert near.outside_rate == 0


@pytest.mark.parametrize(
    ("episode", "told"),
    [
        (circle(100, radius=3.0), {"motion": 3.0, "outside_rate": 0.9, "paid_auc": 1.0}),
        (torch.zeros(100, 2), {"motion": 0.0, "outside_rate": 0.0, "paid_auc": 1.0}),
        (circle(100, speed=-0.1), {"motion": 1.0, "outside_rate": 0.0, "paid_auc": 1.0}),
    ],
)
def test_another_is_told_from_it(episode, told):
    near = ExpertWindows.of(EXPERT, window=4).compare(episode, np.ones(len(episode)))
    assert near.distance > 2
    for name, value in told.items():
        assert getattr(near, name) == pytest.approx(value, abs=0.12)


def test_only_the_best_paid_steps_make_the_area():
    expert = ExpertWindows.of(EXPERT, window=1)
    episode = torch.cat([circle(90, radius=5.0), EXPERT[0][50:60]])
    paid = np.arange(100) >= 90
    assert expert.compare(episode, paid.astype(float)).paid_auc < 0.9
    assert expert.compare(episode, 1.0 - paid).paid_auc == 1


def test_it_is_read_back_bit_for_bit_and_needs_no_names():
    expert = ExpertWindows.of(EXPERT, window=3, frame_skip=2, seed=5)
    again = ExpertWindows.of_arrays(expert.to_arrays())
    episode = circle(50, 0.3, 1.1)
    assert again.compare(episode, np.arange(50.0)) == expert.compare(episode, np.arange(50.0))


def test_a_model_gives_the_features():
    model = RewardModel(PCA(2), Likeness(), Identity((2,))).fit([one.numpy() for one in EXPERT])
    seen, direct = ExpertWindows.seen_by(model, EXPERT, seed=1), ExpertWindows.of(EXPERT, 2, seed=1)
    assert torch.equal(seen.bank, direct.bank)


def test_one_episode_and_still_features_will_do():
    one = torch.cat([circle(60), torch.ones(60, 1)], 1)
    expert = ExpertWindows.of([one], window=2)
    near = expert.compare(one, np.ones(60))
    assert np.isfinite(near).all()


def test_too_few_steps_are_refused():
    with pytest.raises(DataError, match="four steps"):
        ExpertWindows.of([torch.zeros(3, 1)], window=1)


def test_an_expert_that_stands_perfectly_still_has_a_distance_too():
    expert = ExpertWindows.of([torch.cat([circle(10), torch.ones(60, 2)]) for _ in range(4)], window=2)
    near = expert.compare(torch.full((60, 2), 1.1), np.ones(60))
    assert 1 < near.distance < 100
