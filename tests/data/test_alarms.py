"""Every alarm rings where it should, and none in a training that goes well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tsreward.data.alarms import ALARMS, DEFAULT, Alarms, find_alarms
from tsreward.data.episode_rows import EpisodeRow
from tsreward.errors import OptionError

UP, DOWN = np.linspace(0, 1, 40), np.linspace(1, 0, 40)
NOISE = np.random.default_rng(0).normal(size=40)
WELL: dict[str, Any] = {
    "length": np.full(40, 100),
    "true_return": 50 * UP + NOISE,
    "learned_return": 80 * UP + NOISE,
    "flag_rate": DOWN,
    "low_rate": 0.9 * DOWN,
    "high_rate": 0.8 * UP,
    "expert_distance": 1 + 5 * DOWN,
    "paid_auc": 0.5 + 0.5 * DOWN,
    "motion": 0.5 + 0.5 * UP,
    "outside_rate": 0.4 * DOWN,
}
CASES: dict[str, dict[str, Any]] = {
    "TSR101": {"expert_distance": 1 + 5 * UP},
    "TSR102": {"true_return": 50 * DOWN + NOISE},
    "TSR103": {"expert_distance": 5 + 0.1 * NOISE, "paid_auc": np.full(40, 0.99)},
    "TSR104": {"low_rate": np.full(40, 1.0)},
    "TSR105": {"motion": np.full(40, 0.01)},
    "TSR106": {"length": np.linspace(100, 20, 40).round()},
    "TSR107": {"flag_rate": np.full(40, 1.0)},
    "TSR108": {"outside_rate": 0.2 + 0.8 * UP},
}


def rows(**changed: Any) -> list[EpisodeRow]:
    columns = {name: values for name, values in {**WELL, **changed}.items() if values is not None}
    return [
        EpisodeRow(**{"step": 100 * (at + 1), **{name: float(values[at]) for name, values in columns.items()}})
        for at in range(40)
    ]


def test_a_training_that_goes_well_rings_nothing():
    assert find_alarms(rows(), ALARMS) == []


@pytest.mark.parametrize("code", CASES)
def test_each_rings_once_where_its_figure_goes_wrong(code):
    rung = [one for one in find_alarms(rows(**CASES[code]), ALARMS) if one.code == code]
    assert len(rung) == 1
    assert rung[0].step == 100 * rung[0].episode
    assert rung[0].in_words().startswith(f"{code} after {rung[0].step:,} decisions: {ALARMS[code].title}: ")


def test_all_are_tried():
    assert set(CASES) == set(ALARMS)


@pytest.mark.parametrize("code", ["TSR101", "TSR103", "TSR104", "TSR105", "TSR106", "TSR107", "TSR108"])
def test_what_is_not_known_rings_nothing(code):
    missing = dict.fromkeys(CASES[code])
    if code == "TSR106":
        missing = {"learned_return": None} | CASES[code]  # without a learned reward a short episode is no alarm
    assert code not in {one.code for one in find_alarms(rows(**missing), ALARMS)}


def test_none_rings_before_the_eighth_episode():
    first = find_alarms(rows(**CASES["TSR105"]), ["TSR105"])[0]
    assert first.episode == 8
    assert find_alarms(rows(**CASES["TSR105"])[:7], ["TSR105"]) == []


@pytest.mark.parametrize("code", ["TSR104", "TSR107"])
def test_an_agent_that_may_not_have_learned_yet_is_given_time(code):
    assert find_alarms(rows(**CASES[code]), [code])[0].episode >= 20


def test_by_default_flags_ring_nothing():
    assert find_alarms(rows(**CASES["TSR107"])) == [] and set(ALARMS) - set(DEFAULT) == {
        "TSR103",
        "TSR104",
        "TSR107",
        "TSR108",
    }


def test_heard_one_by_one_they_are_the_same():
    everything = rows(**CASES["TSR101"], **CASES["TSR104"])
    alarms = Alarms(ALARMS)
    assert [one for row in everything for one in alarms.add(row)] == find_alarms(everything, ALARMS) != []


def test_only_those_ring_that_are_listened_for():
    assert {one.code for one in find_alarms(rows(**CASES["TSR104"], **CASES["TSR105"]), ["TSR104"])} == {"TSR104"}


def test_an_unknown_code_is_refused():
    with pytest.raises(OptionError, match="There is no alarm TSR999: TSR101, "):
        Alarms(["TSR999"])
