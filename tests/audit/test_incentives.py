"""What safe steps and steps with a cost earn under a penalty."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audit.circles import circles, moving_model, safe_model
from tsreward.audit.behaviour import observe
from tsreward.audit.incentives import reward_margins
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sequences.episodes import Episode


def looked_at(model, good, bad):
    return reward_margins(model, observe(model, "good", good), [observe(model, "bad", bad)])


def tempting(episodes):
    """Pay 3 for a step with a cost, and 1 for any other."""
    return [Episode(episode.obs, 1 + 2 * episode.costs, episode.costs) for episode in episodes]


@pytest.mark.parametrize(("weight", "pays"), [(0.1, True), (1.0, True), (8.0, False)])
def test_the_factor_is_what_makes_both_earn_the_same(weight, pays):
    model = safe_model(Penalty(PenaltyOptions(form="constant", weight=weight)))
    found = looked_at(model, tempting(circles(1)), tempting(circles(2, 0.3)))
    assert (found.costly > found.safe) is pays
    again = safe_model(Penalty(PenaltyOptions(form="constant", weight=weight * found.factor)))
    equal = looked_at(again, tempting(circles(1)), tempting(circles(2, 0.3)))
    assert equal.safe == pytest.approx(equal.costly)


def test_means_of_steps_against_an_obvious_twin():
    model, episodes = safe_model(), circles(2, 0.7)
    good, bad = observe(model, "good", circles(1)), observe(model, "bad", episodes)
    final = bad.column("rewards") + bad.rated.learned
    costs = bad.column("costs")
    found = reward_margins(model, good, [bad])
    assert found.costly == pytest.approx(final[costs > 0].mean())
    safe = [
        value
        for behaviour in (good, bad)
        for value, free in zip(behaviour.column("rewards") + behaviour.rated.learned, behaviour.safe(4, 1), strict=True)
        if free
    ]
    assert found.safe == pytest.approx(np.mean(safe))


def test_what_is_not_safe_by_its_costs_is_safe_by_its_name_alone():
    model = safe_model()
    good = [Episode(episode.obs, episode.rewards) for episode in circles(1)]
    bad = [Episode(episode.obs, episode.rewards) for episode in circles(2, 0.3)]
    found = looked_at(model, good, bad)
    assert found == looked_at(model, good, [Episode(episode.obs) for episode in bad])
    assert (found.costly, found.factor) == (None, None)
    assert looked_at(model, good, circles(2, 0.3)).costly is not None


def test_nothing_to_compare():
    bare = [Episode(episode.obs) for episode in circles(1)]
    assert looked_at(safe_model(), bare, circles(2, 0.3)) is None
    assert looked_at(moving_model(), circles(1), circles(2, 0.3)) is None


def test_a_multiplier_adapts():
    assert looked_at(safe_model(Lagrangian()), circles(1), circles(2, 0.3)).adapts
    assert not looked_at(safe_model(), circles(1), circles(2, 0.3)).adapts
