"""False alarms, agreement with the truth, and what the score looks at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.audit.circles import circles, fitted, moving_model, safe_model
from tsreward.audit.agreement import agreement, require_truth
from tsreward.audit.behaviour import observe
from tsreward.audit.incentives import distribution
from tsreward.audit.sensitivity import feature_effects, history_effect, smoothing_effect
from tsreward.audit.separation import false_alarms
from tsreward.detection.metrics import roc_auc
from tsreward.errors import DataError
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.sequences.episodes import Episode


def pair(model, good=1.0, bad=0.0):
    return observe(model, "good", circles(1, good)), observe(model, "bad", circles(2, bad))


def test_asked_and_seen_rates_agree_on_fresh_data_of_the_same_kind():
    rows = false_alarms(safe_model(), observe(safe_model(), "good", circles(5, episodes=40)), seed=0)
    assert [row.asked for row in rows] == [0.01, 0.02, 0.05, 0.1, 0.2]
    assert [row.chosen for row in rows] == [False, False, True, False, False]
    for row in rows:
        assert row.seen.low <= row.seen.value <= row.seen.high
        assert row.seen.value == pytest.approx(row.asked, abs=0.03)


def test_steps_with_a_cost_are_no_false_alarms():
    model = safe_model()
    good = observe(model, "good", circles(1, 0.9))
    bare = observe(model, "good", [Episode(episode.obs) for episode in circles(1, 0.9)])
    chosen = [row.seen.value for row in false_alarms(model, good, 0) if row.chosen]
    blamed = [row.seen.value for row in false_alarms(model, bare, 0) if row.chosen]
    assert chosen[0] < blamed[0]


def test_returns_are_compared_by_episode():
    model = moving_model("last")
    pool = [
        observe(model, name, circles(seed, share, 4))
        for seed, (name, share) in enumerate({"a": 1, "b": 0.5, "c": 0}.items())
    ]
    found = agreement(model, pool, seed=0)
    assert (found.truth, found.episodes) == ("rewards", 12)
    assert found.spearman.low > 0.8
    assert found.kendall > 0.7
    true = [
        float(episode.rewards.sum()) for seed, share in enumerate((1, 0.5, 0)) for episode in circles(seed, share, 4)
    ]
    assert [row[1] for row in found.returns] == true
    assert found.returns[0][2] == pytest.approx(float(pool[0].rated.parts(pool[0].rated.learned)[0].sum()))
    assert found.cost.roc.value > 0.9
    assert found.cost_correlation > 0.5


def test_a_penalty_is_compared_with_costs():
    model = safe_model()
    found = agreement(model, [*pair(model)], seed=0)
    assert found.truth == "costs"
    assert found.returns[-1][1] < 0
    assert found.spearman.value > 0.5


def test_what_lacks_the_truth_is_left_out_or_refused():
    model = moving_model()
    bare = observe(model, "good", [Episode(episode.obs) for episode in circles(1)])
    _, bad = pair(model)
    assert agreement(model, [bare, bad], seed=0) is None
    assert agreement(safe_model(), [bare, bad], seed=0).episodes == 8
    with pytest.raises(DataError, match="have no rewards, by which this reward is compared: record them"):
        require_truth(model, bare)
    with pytest.raises(DataError, match="have no costs"):
        require_truth(safe_model(), observe(safe_model(), "episodes", bare.episodes))
    require_truth(model, bad)


def test_cost_is_not_separated_where_there_is_none():
    model = safe_model()
    found = agreement(model, [observe(model, "good", circles(1))], seed=0)
    assert found.cost is None
    assert found.spearman is None


@pytest.mark.parametrize("clip", [None, 0.5])
def test_shares_at_the_limits(clip):
    model = fitted(RewardModel(Mahalanobis(4), Likeness(LikenessOptions(scale=0.1, clip_low=clip))))
    good, bad = pair(model)
    found = distribution([good, bad])
    assert (found.low, found.high) == (float(min(bad.rated.learned)), 1.0)
    assert found.at_most["good"] == pytest.approx(0.5, abs=0.15)  # half of normal scores lie below their median
    assert found.at_least["bad"] > 0.5
    for density in found.densities.values():
        assert sum(density) == pytest.approx(1)
    assert len(found.edges) == 61


def test_a_feature_that_is_not_looked_at_moves_nothing():
    model = fitted(RewardModel(Mahalanobis(4, MahalanobisOptions(covariance="diagonal")), Likeness()))
    with torch.no_grad():
        model.scorer.factor[1] = 0.0
    good, bad = pair(model)
    assert feature_effects(model, good, bad, seed=0) == pytest.approx((1.0, 0.0))
    model.scorer.factor.zero_()
    assert feature_effects(model, good, bad, seed=0) == (0.0, 0.0)


def test_history_matters_to_a_scorer_of_windows_alone():
    rows = {
        steps: history_effect(moving_model(steps), *pair(moving_model(steps), bad=0.3), seed=0)
        for steps in ("last", "window")
    }
    assert [row.steps for row in rows["last"]] == [1, 2, 4]
    assert {row.roc for row in rows["last"]} == {rows["last"][0].roc}
    assert all(row.agreement == pytest.approx(1) for row in rows["last"])
    assert rows["window"][-1].agreement == pytest.approx(1)
    assert rows["window"][0].agreement < 0.9
    assert rows["window"][0].roc < rows["window"][-1].roc


def test_smoothing_is_tried_on_raw_scores():
    model = moving_model("last", smoothing=0.6)
    good, bad = pair(model, bad=0.5)
    rows = {row.fraction: row.roc for row in smoothing_effect(model, good, bad)}
    assert sorted(rows) == [0.0, 0.5, 0.6, 0.8, 0.9, 0.95]
    labels = np.repeat([0, 1], [640, 640])
    assert rows[0.6] == roc_auc(labels, np.concatenate([good.rated.score, bad.rated.score]))
    assert rows[0.0] == roc_auc(labels, np.concatenate([good.rated.raw, bad.rated.raw]))
    assert rows[0.9] > rows[0.0]
