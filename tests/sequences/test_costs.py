"""Costs in every form that environments give them in."""

import math
from typing import Any, Literal

import numpy as np
import pytest
import torch

from tsreward.errors import OptionError, ProtocolError, StrictError, TSRewardWarning
from tsreward.named_warnings import gathered
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import COMMON, CostOptions


@pytest.mark.parametrize("key", COMMON)
def test_a_common_key_is_found_and_named(key):
    reader = CostReader(needed=True)
    assert [reader.read({"speed": 3.0, key: value}) for value in (0.0, 2.5, True)] == [0.0, 2.5, 1.0]
    assert reader.summary() == f"info['{key}'], above 0 in 2 of 3 steps (66.7 %)"


FORMS = {
    "bool": True,
    "int": 1,
    "numpy number": np.float32(1),
    "numpy bool": np.bool_(True),
    "array of one": np.array([1.0], np.float32),
    "array of none": np.array(1),
    "list of one": [1],
    "tensor": torch.tensor(1.0, requires_grad=True),
    "dict of one": {"hazards": 1.0},
}


@pytest.mark.parametrize("form", FORMS)
def test_one_number_is_taken_in_any_form(form):
    assert CostReader("cost").read({"cost": FORMS[form]}) == 1.0


@pytest.mark.parametrize(
    ("options", "info", "cost"),
    [
        ({"cost_reduce": "sum"}, {"costs": [1.0, 0.0, 2.0]}, 3.0),
        ({"cost_reduce": "max"}, {"costs": np.array([1.0, 0.0, 2.0])}, 2.0),
        ({"cost_reduce": 0}, {"costs": torch.tensor([1.0, 0.0, 2.0])}, 1.0),
        ({"cost_reduce": 1}, {"costs": (1.0, 0.0, 2.0)}, 0.0),
        ({"cost_reduce": "sum"}, {"cost": {"a": 1, "b": [2, 3]}}, 6.0),
        ({"cost_key": ("a", "b")}, {"a": 1.0, "b": 2.0, "cost": 9.0}, 3.0),
        ({"cost_key": ("a", "b"), "cost_reduce": "max"}, {"a": 1.0, "b": 2.0}, 2.0),
        ({"cost_key": ("a", "b"), "cost_reduce": 2}, {"a": 1.0, "b": [2.0, 5.0]}, 5.0),
        ({"cost_key": "metrics.cost"}, {"metrics": {"cost": 4.0}}, 4.0),
        ({"cost_key": "metrics.cost"}, {"metrics.cost": 3.0}, 3.0),
        ({"cost_sign": "negative"}, {"cost": -2.0}, 2.0),
        ({"cost_sign": "negative"}, {"cost": 0.0}, 0.0),
        ({"cost_above": 1.0}, {"cost": 1.0}, 0.0),
        ({"cost_above": 1.0}, {"cost": 1.5}, 1.0),
        ({"cost_above": -1.0}, {"cost": -0.5}, 1.0),
        ({"cost_below": 0.5, "cost_key": "distance"}, {"distance": 0.4}, 1.0),
        ({"cost_below": 0.5, "cost_key": "distance"}, {"distance": 0.5}, 0.0),
        ({"cost_below": -1.0, "cost_above": 1.0, "cost_key": "x"}, {"x": -1.5}, 1.0),
        ({"cost_below": -1.0, "cost_above": 1.0, "cost_key": "x"}, {"x": 0.0}, 0.0),
        ({"cost_missing": "zero"}, {}, 0.0),
        ({"cost_key": lambda info: abs(info["x"]) > 1}, {"x": -1.5}, 1.0),
        ({"cost_key": lambda info: info.get("hit"), "cost_missing": "zero"}, {}, 0.0),
        ({"cost_key": "math:prod"}, {2.0: 1, 3.0: 1}, 6.0),
    ],
)
def test_options_say_what_is_a_cost(options: dict[str, Any], info, cost):
    assert CostReader(CostOptions(**options), needed=True).read(info) == cost


@pytest.mark.parametrize(
    ("options", "info", "message"),
    [
        (
            {},
            {"speed": 1.0},
            r"Environment 3 gave no info\['cost'\] nor another common key; info holds speed\. Name its",
        ),
        (
            {"cost_key": "hit"},
            {"cost": 1.0},
            r"gave no info\['hit'\]; info holds cost\. .*--cost-key.*--cost-missing zero",
        ),
        ({}, {"costs": [1.0, 2.0, 0.0]}, r"info\['costs'\] holds 3 numbers for each step: .*--cost-reduce sum, max"),
        ({"cost_reduce": 3}, {"costs": [1.0, 2.0, 0.0]}, r"holds 3 numbers .* none with the number 3"),
        ({"cost_key": "hit"}, {"hit": "wall"}, r"Environment 3 gave info\['hit'\] = 'wall', which is no number"),
        ({"cost_key": lambda info: info["x"]}, {}, r"The cost function .*lambda.* failed: KeyError: 'x'"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_option_that_helps(options: dict[str, Any], info, message):
    with pytest.raises(ProtocolError, match=message):
        CostReader(CostOptions(**options), needed=True).read(info, "Environment 3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost_reduce": "mean"}, "cost_reduce must be sum, max, or the number"),
        ({"cost_reduce": -1}, "cost_reduce must be sum, max, or the number"),
        ({"cost_key": ("a", "a")}, "cost_key must be keys of info, each once"),
        ({"cost_key": ""}, "cost_key must be keys of info"),
        ({"cost_key": ("a", "math:prod")}, "keys, or one function"),
        ({"cost_above": 1.0, "cost_sign": "negative"}, "cost_sign must be positive beside"),
        ({"cost_above": 0.0, "cost_below": 1.0}, "cost_below must be at most cost_above"),
        ({"cost_above": math.nan}, "cost_above must be"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message):
    with pytest.raises(OptionError, match=message):
        CostOptions(**options)


def test_a_function_that_is_none_is_refused():
    with pytest.raises(OptionError, match="math:pi is no cost function"):
        CostReader("math:pi")


def test_nan_is_never_safe():
    forms: tuple[dict[str, Any], ...] = ({}, {"cost_above": 1.0}, {"cost_sign": "negative"})
    for options in forms:
        assert math.isnan(CostReader(CostOptions(**options)).read({"cost": math.nan}))


def test_a_text_under_a_common_key_is_no_cost():
    reader = CostReader()
    assert reader.read({"crash": "none", "costs": 1.0, "collision": None}) == 1.0
    assert reader.keys == ("costs",)


def told(reader, match):
    with gathered() as log, pytest.warns(TSRewardWarning, match=match):
        reader.tell()
    reader._told = False
    with gathered(strict=True), pytest.raises(StrictError, match=match):
        reader.tell()
    return log.given[0].name


def test_two_costs_that_differ_are_named():
    reader = CostReader()
    for cost, crashed in ((0.0, False), (1.0, True), (1.0, False)):
        assert reader.read({"crashed": crashed, "cost": cost, "cost_sum": cost}) == cost
    assert told(reader, r"Costs are info\['cost'\], and other .*info\['crashed'\] in 1 of 3 steps.*--cost-key") == (
        "several costs"
    )


def test_two_costs_that_agree_are_no_matter():
    reader = CostReader()
    for cost in (0.0, 2.0):
        reader.read({"cost": cost, "cost_sum": np.array([cost, 0.0]), "unsafe": cost > 0})
    reader.tell()


def test_a_chosen_key_is_not_compared():
    reader = CostReader("crashed")
    reader.read({"cost": 1.0, "crashed": False})
    reader.tell()


def test_steps_without_a_cost_are_told_unless_they_were_asked_for():
    ways: tuple[Literal["error", "zero"], ...] = ("error", "zero")
    for missing in ways:
        reader = CostReader(CostOptions(cost_missing=missing))
        assert [reader.read(info) for info in ({}, {"cost": 1.0}, {})] == [0.0, 1.0, 0.0]
        if missing == "error":
            assert told(reader, r"2 of 3 steps gave no info\['cost'\] and count as safe.*--cost-missing zero")
        else:
            reader.tell()


def test_negative_costs_are_told():
    reader = CostReader()
    assert [reader.read({"cost": value}) for value in (-1.0, 0.0)] == [-1.0, 0.0]
    assert told(reader, r"below 0 in 1 of 2 steps, which counts as safe.*--cost-sign negative")


def test_no_cost_at_all_is_summed_up():
    reader = CostReader()
    reader.read({"speed": 1.0, "lap": 2})
    assert not reader.found
    assert reader.summary() == "none found (infos hold speed, lap); name their key with cost_key (--cost-key)"


def test_recorded_infos_are_read_at_once_and_alike():
    steps = np.random.default_rng(0).normal(size=(20, 3))
    infos = {"costs": steps, "inner": {"x": steps[:, 0]}}
    forms: tuple[dict[str, Any], ...] = (
        {"cost_reduce": "sum"},
        {"cost_key": ("inner.x", "costs"), "cost_reduce": "max", "cost_above": 0.5},
        {"cost_key": lambda info: info["inner"]["x"] > 0},
    )
    for options in forms:
        at_once, one_by_one = (CostReader(CostOptions(**options)) for _ in range(2))
        rows = [one_by_one.read({"costs": row, "inner": {"x": row[0]}}) for row in steps]
        read = at_once.read_all(infos, 20, "Episode 0")
        assert read is not None
        assert read.tolist() == rows
        assert at_once.summary() == one_by_one.summary()
    assert CostReader().read_all({"x": steps}, 20, "Episode 0") is None
    with pytest.raises(ProtocolError, match=r"Episode 0 has 20 costs for 19 steps"):
        CostReader(CostOptions(cost_reduce="sum")).read_all({"costs": steps}, 19, "Episode 0")


def test_two_recorded_costs_are_compared_step_by_step():
    reader = CostReader()
    reader.read_all({"cost": np.array([0.0, 1.0, 1.0]), "crashed": np.array([True, True, False])}, 3, "Episode 0")
    assert told(reader, r"info\['crashed'\] in 2 of 3 steps")


def test_the_last_step_of_a_vector_environment_is_in_its_final_info():
    infos = {
        "cost": np.array([1.0, 0.0, 0.0]),
        "_cost": np.array([True, True, False]),
        "final_info": {"cost": np.array([0.0, 0.0, 3.0]), "_cost": np.array([False, False, True])},
        "_final_info": np.array([False, False, True]),
    }
    ended = np.array([False, False, True])
    assert CostReader(needed=True).read_vector(infos, 3, ended).tolist() == [1.0, 0.0, 3.0]
    assert CostReader().read_vector(infos, 3).tolist() == [1.0, 0.0, 0.0]
    old = {"cost": infos["cost"], "final_info": np.array([None, None, {"cost": 3.0}], object)}
    assert CostReader().read_vector(old, 3, ended).tolist() == [1.0, 0.0, 3.0]


@pytest.mark.parametrize("key", ["safety.cost", "safety/cost"])
def test_a_key_inside_another_is_found(key):
    reader = CostReader(CostOptions(cost_key=(key,)))
    assert [reader.read({"safety": {"cost": cost}}) for cost in (0, 2)] == [0, 2]


def test_a_named_key_that_no_step_has_is_told():
    reader = CostReader(CostOptions(cost_key=("csot",)))
    reader.read({"cost": 1.0})
    told(reader, r"No step gave info\['csot'\], so nothing is known of costs \(infos hold cost\)")
    silent = CostReader()
    silent.read({"speed": 1.0})
    with gathered() as log:
        silent.tell()
    assert not log.given


def test_words_under_a_common_key_are_named():
    reader = CostReader()
    reader.read({"cost": "unsafe"})
    assert "info['cost'] holds 'unsafe', which is no number" in reader.summary()
