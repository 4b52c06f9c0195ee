"""Two models on the same episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.report.reading import charts, closed
from tests.scripted import script, small_model
from tsreward.audit.comparison import compare
from tsreward.detection.metrics import roc_auc
from tsreward.errors import OptionError, ShapeError
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.report.comparison import render_comparison
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode

pytestmark = pytest.mark.filterwarnings("ignore::tsreward.errors.TSRewardWarning")  # data unlike the model's


@pytest.fixture(scope="module")
def models() -> tuple[RewardModel, RewardModel]:
    other = RewardModel(Mahalanobis(2), Penalty(PenaltyOptions(false_alarm_rate=0.3)))
    other.fit(list(np.random.default_rng(7).normal(size=(6, 20, 3))), rewards=np.ones(1))
    return small_model(), other


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    rng = np.random.default_rng(1)
    return [script(rng, length) for length in (40, 1, 25, 33)]


def test_the_numbers_are_those_of_the_definitions(models, episodes) -> None:
    found = compare(*models, episodes)
    first, second = (relabel(model, episodes) for model in models)
    scores = [torch.cat([step.score for step in steps]).numpy() for steps in (first, second)]
    rewards = [torch.cat([step.reward for step in steps]).numpy() for steps in (first, second)]
    returns = [[float(step.reward.sum()) for step in steps] for steps in (first, second)]
    flags = [torch.cat([step.is_anomaly for step in steps]).numpy() for steps in (first, second)]
    for name, columns in (("scores", scores), ("rewards", rewards), ("returns", returns)):
        assert getattr(found, name).pearson == pytest.approx(np.corrcoef(*columns)[0, 1], abs=1e-6)
    ranks = [np.argsort(np.argsort(column)) for column in scores]
    assert found.scores.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-6)
    assert (found.flags.both, found.flags.neither) == (
        int((flags[0] & flags[1]).sum()),
        int((~(flags[0] | flags[1])).sum()),
    )
    assert found.flags.disagreement == pytest.approx((flags[0] ^ flags[1]).mean())
    assert found.has_rewards and found.lengths == (40, 1, 25, 33)


def test_the_greatest_differences_come_first_and_do_not_overlap(models, episodes) -> None:
    found = compare(*models, episodes, count=9)
    first, second = found.models
    apart = np.abs(first.rank - second.rank)
    sizes = [abs(each.ranks[0] - each.ranks[1]) for each in found.differences]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == apart.max() and len(sizes) == 9
    places = [(each.episode, each.step) for each in found.differences]
    assert all(a[0] != b[0] or abs(a[1] - b[1]) >= 4 for a in places for b in places if a != b)
    begin = np.cumsum((0, *found.lengths[:-1]))
    for each in found.differences:
        row = begin[each.episode] + each.step
        assert each.p_values == (first.p_value[row], second.p_value[row])
        assert each.is_anomaly == (first.is_anomaly[row], second.is_anomaly[row])


def test_a_model_agrees_with_itself(models, episodes) -> None:
    found = compare(models[0], models[0], episodes)
    assert found.scores.pearson == found.returns.spearman == pytest.approx(1)
    assert found.differences == () and found.flags.disagreement == 0
    assert "Both rank all transitions alike." in render_comparison(found, ["a"])


def test_without_environment_rewards_a_penalty_is_compared_for_itself(models, episodes) -> None:
    found = compare(*models, [Episode(episodes[0].obs)])
    assert not found.has_rewards and found.returns.pearson is None
    zero = [replace(episodes[0], rewards=np.zeros(40))]
    assert np.array_equal(found.models[1].reward, relabel(models[1], zero)[0].reward.numpy())


def test_the_page_needs_nothing_else_and_escapes_names(models, episodes) -> None:
    found = compare(*models, episodes, names=("<b>one</b>", "two"))
    page = render_comparison(found, ["<script>"])
    assert page == render_comparison(compare(*models, episodes, names=("<b>one</b>", "two")), ["<script>"])
    assert "first: <b>one</b>" in closed(page).text and "<b>one" not in page
    assert page.count("<svg") == 2 + len(found.differences) and len(charts(page)) == 1


def test_the_verdict_names_the_model_that_fits_the_cost(episodes) -> None:
    rng = np.random.default_rng(3)
    knowing = RewardModel(Mahalanobis(1), Penalty())
    knowing.fit([rng.normal(size=(40, 3)) * (1, 1, 0.01) for _ in range(6)], rewards=np.ones(1))
    blind = RewardModel(Mahalanobis(1), Penalty())
    blind.fit([rng.normal(size=(40, 3)) * (1, 1, 1e6) for _ in range(6)], rewards=np.ones(1))
    costly = []
    for _ in range(8):
        obs = rng.normal(size=(61, 3)) * (1, 1, 0.01)
        danger = rng.random(61) < 0.2
        obs[danger, 2] = 5.0
        costly.append(Episode(obs, np.ones(60), danger[1:].astype(float)))
    found = compare(knowing, blind, costly, ("knowing", "blind"))
    assert found.fit is not None and found.fit.what == "ROC AUC of the score against cost"
    first, second = found.fit.values
    danger = np.concatenate([episode.costs for episode in costly]) > 0
    assert first.value == pytest.approx(roc_auc(danger, found.models[0].score)) and first.value > 0.99
    assert second.value == pytest.approx(roc_auc(danger, found.models[1].score))
    assert found.verdict.startswith("knowing fits better than blind: ROC AUC of the score against cost 1.00")
    assert found.to_json()["fit"]["values"][0]["value"] == first.value
    same = compare(knowing, knowing, costly, ("one", "other")).verdict
    assert same.startswith("Neither fits clearly better: one has a ROC AUC of the score against cost 1.00")
    assert "no cost or return by which" in compare(knowing, blind, [Episode(costly[0].obs)]).verdict


def test_rewards_that_replace_the_environments_are_compared_by_returns() -> None:
    rng = np.random.default_rng(5)
    near, far = (RewardModel(Mahalanobis(1), Likeness()).fit([rng.normal(place, 1, (40, 1))] * 6) for place in (0, 9))
    episodes = []
    for place in np.linspace(0, 9, 12):
        obs = rng.normal(place, 0.1, (31, 1))
        episodes.append(Episode(obs, np.full(30, 9 - place)))
    found = compare(near, far, episodes, ("near", "far"))
    assert found.fit is not None and found.fit.values[0].value > 0.9 > 0 > found.fit.values[1].value
    assert found.verdict.startswith("near fits better than far: Spearman correlation of learned and true returns")


def test_other_observations_are_refused(models) -> None:
    with pytest.raises(ShapeError, match=r"second reads observations \[5\], but episode 0 holds \[3\]"):
        compare(models[0], small_model((5,)), [script(np.random.default_rng(0), 9)])


def test_a_negative_count_is_refused(models, episodes) -> None:
    with pytest.raises(OptionError, match="count of at least 0, got -1"):
        compare(*models, episodes, count=-1)
