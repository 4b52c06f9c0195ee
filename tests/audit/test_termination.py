"""The sign of a reward, and what it makes of endings."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.circles import circles, fitted, safe_model
from tsreward.audit.behaviour import observe
from tsreward.audit.incentives import termination
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode


def likeness(transform):
    return fitted(RewardModel(Mahalanobis(4), Likeness(LikenessOptions(transform=transform))))


def looked_at(model, good, **others):
    return termination(
        model, observe(model, "good", good), [observe(model, name, episodes) for name, episodes in others.items()]
    )


@pytest.mark.parametrize(("transform", "sign"), [("exponential", "never negative"), ("p_value", "never negative")])
def test_rewards_that_are_never_negative(transform, sign):
    found = looked_at(likeness(transform), circles(1, terminated=True), bad=circles(2, 0.0))
    assert (found.sign, found.better_ended, found.ends) == (sign, 0.0, True)
    assert 0 <= found.low < found.high <= 1
    assert found.returns["good"] > found.returns["bad"]


def test_a_negative_reward_pays_for_dying_early():
    short = [Episode(episode.obs[:4], episode.rewards[:3], terminated=True) for episode in circles(2, 0.0)]
    found = looked_at(likeness("negative"), circles(1, 0.7), bad=short)
    assert found.better_ended > 0.9
    assert found.returns["bad"] > found.returns["good"]
    assert found.lengths == {"good": 80.0, "bad": 3.0}


def test_a_penalty_is_judged_with_the_reward_it_lowers():
    model = safe_model()
    safe, unsafe = circles(1), circles(2, 0.3)
    found = looked_at(model, safe, bad=unsafe)
    assert found.sign == "both signs"
    assert found.better_ended < 0.2
    assert found.returns["bad"] < 0 < found.returns["good"]
    assert not found.ends
    assert looked_at(model, unsafe, bad=safe).better_ended > 0.9


def test_without_environment_rewards_a_penalty_cannot_be_judged():
    model, bare = safe_model(), [Episode(episode.obs) for episode in circles(1)]
    assert looked_at(model, bare, bad=circles(2, 0.3)) is None
    assert set(looked_at(model, circles(1), bad=bare).returns) == {"good"}


def test_after_the_last_step_nothing_follows():
    model = likeness("negative")
    good = [Episode(np.zeros((2, 2), np.float32))]
    assert looked_at(model, good, bad=good).better_ended == 0.0
