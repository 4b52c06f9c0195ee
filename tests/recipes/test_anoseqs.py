"""The method end to end where the answer is known: left is safe, right costs and pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tests.tiny  # noqa: F401
from tsreward.encoders.base import Identity
from tsreward.encoders.sorted_lidar import SortedLidar
from tsreward.errors import DataError, OptionError, TSRewardWarning
from tsreward.recipes.anoseqs import (
    AnoSeqsOptions,
    fit_penalty,
    hold_out,
    reward_mode,
    run,
    suited_encoder,
)
from tsreward.recipes.fitting import agreement_with_cost, fit_reward
from tsreward.rewards.lagrangian import Lagrangian
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.sb3.playing import act_at_random
from tsreward.scorers.presets import scorer_names, scorer_preset
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    return act_at_random("Tiny/Cost-v0", 1200, seed=5).all_episodes()


def test_an_agent_under_the_penalty_costs_less():
    told: dict[str, tuple[int, int]] = {}

    def stage(name):
        told[name] = (0, 0)

        def report(done, total):
            told[name] = (done, total)

        return report

    result = run(AnoSeqsOptions("Tiny/Cost-v0", scorer="mahalanobis", steps=6144, weight=8.0), stage)
    assert result.roc > 0.95
    assert 0 < result.precision <= 1
    assert list(told) == ["source agent 1", "source agent 2", "scorer", "vanilla agent", "penalised agent"]
    assert told["vanilla agent"] == (6144, 6144)
    last = {
        name: np.concatenate([episode.costs for episode in agent.record.finished[-100:]]).mean()
        for name, agent in (("vanilla", result.vanilla), ("penalised", result.penalised))
    }
    assert last["penalised"] < last["vanilla"]


def test_deep_sad_sees_the_unsafe_windows_and_deep_svdd_does_not(episodes):
    learn, held = hold_out(episodes, 0.2, seed=0)
    fitted = {
        name: fit_reward(
            learn,
            4,
            scorer_preset(name),
            Penalty(),
            Identity((3,)),
            TrainOptions(windows_per_epoch=None, epochs=15, batch_size=64),
        )
        for name in ("deep_sad", "deep_svdd")
    }
    assert fitted["deep_sad"].negative > 20
    assert fitted["deep_svdd"].negative == 0
    assert fitted["deep_sad"].normal == fitted["deep_svdd"].normal
    assert agreement_with_cost(fitted["deep_sad"].model, held)[0] > 0.9


def test_episodes_without_costs_are_normal_from_end_to_end(episodes):
    bare = [Episode(episode.obs, episode.rewards) for episode in episodes]
    with pytest.warns(TSRewardWarning, match="A penalty is fitted on 1,200 steps without any cost"):
        fitted = fit_reward(
            bare, 2, scorer_preset("mahalanobis"), Penalty(PenaltyOptions(unit=1.0)), Identity((3,)), TrainOptions()
        )
    assert fitted.normal == sum(len(episode.obs) for episode in bare)
    with pytest.raises(DataError, match="needs episodes with costs"):
        agreement_with_cost(fitted.model, bare)
    for cost, which in ((0.0, "None"), (1.0, "Every")):
        alike = [replace(episode, costs=np.full(len(episode), cost)) for episode in episodes]
        with pytest.raises(DataError, match=f"{which} of .* held-out steps has a cost.*collect for more steps"):
            agreement_with_cost(fitted.model, alike)


def test_the_same_seed_gives_the_same_model(episodes):
    options = AnoSeqsOptions("Tiny/Cost-v0", scorer="knn", seed=4)
    first, second = (fit_penalty(episodes, options) for _ in range(2))
    other = fit_penalty(episodes, AnoSeqsOptions("Tiny/Cost-v0", scorer="knn", seed=5))
    assert float(first.mode.threshold) == float(second.mode.threshold) != float(other.mode.threshold)


def test_hold_out_splits_by_episode_under_a_seed(episodes):
    rest, held = hold_out(episodes, 0.2, seed=1)
    assert len(held) == round(0.2 * len(episodes))
    assert {id(episode) for episode in rest} | {id(episode) for episode in held} == {id(e) for e in episodes}
    assert [id(e) for e in hold_out(episodes, 0.2, seed=1)[1]] == [id(e) for e in held]
    assert len(hold_out(episodes[:2], 0.9, seed=0)[0]) == 1
    with pytest.raises(DataError, match="Holding out episodes needs at least 2, got 1: collect for longer"):
        hold_out(episodes[:1], 0.2, seed=0)


def test_rings_of_movable_objects_are_sorted():
    assert type(suited_encoder("Tiny/Cost-v0")) is Identity
    assert type(suited_encoder("SafetyPointCircle1-v0")) is Identity
    encoder = suited_encoder("SafetyPointGoal1-v0")
    assert isinstance(encoder, SortedLidar)
    assert encoder.options.groups == ((12, 28), (28, 44), (44, 60))


def test_options_become_reward_modes():
    mode = reward_mode(AnoSeqsOptions(form="constant", weight=2.0, false_alarm_rate=0.1, floor=0.5))
    assert isinstance(mode, Penalty)
    options = mode.options
    assert (options.form, options.weight, options.false_alarm_rate, options.floor) == ("constant", 2.0, 0.1, 0.5)
    mode = reward_mode(AnoSeqsOptions(form="lagrangian", false_alarm_rate=0.1))
    assert isinstance(mode, Lagrangian)
    assert mode.options.false_alarm_rate == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scorer": "deep_sadd"}, r"Unknown scorer 'deep_sadd': did you mean 'deep_sad'\?"),
        ({"form": "tails"}, "form must be 'tail', 'raw', 'constant' or 'lagrangian', got 'tails'"),
        ({"window": 0}, "AnoSeqsOptions.window must be an integer >= 1"),
        ({"weight": float("nan")}, "AnoSeqsOptions.weight must be a finite number >= 0, got nan"),
        ({"algorithm": "a2c"}, "AnoSeqsOptions.algorithm must be"),
        ({"form": "lagrangian", "floor": 0.0}, "AnoSeqsOptions.floor must be None for 'lagrangian', got 0.0"),
        ({"steps": 0}, "AnoSeqsOptions.steps must be an integer >= 1"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(options, message):
    with pytest.raises(OptionError, match=message):
        AnoSeqsOptions(**options)


@pytest.mark.parametrize("name", scorer_names())
def test_every_name_builds_its_scorer(name):
    scorer = scorer_preset(name)
    assert scorer.build(3).window == 3
    assert scorer.build(3).uses_negative or not scorer.negative
