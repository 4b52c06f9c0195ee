"""Checks may be expected to fail, with a reason, in every public checker."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import tsreward.testing
from tsreward.errors import OptionError
from tsreward.testing import check_encoder, check_model, check_reward_env, check_scorer
from tsreward.testing.report import CheckReport, Promise, try_all

PROMISES = [
    Promise("is even", lambda number: f"{number} is odd." if number % 2 else None, "Add one."),
    Promise("is small", lambda number: None, "Take less."),
]


def test_an_expected_failure_passes_and_says_why() -> None:
    report = try_all("three", 3, PROMISES, expected_failed={"is even": "it counts pairs"})
    assert report.passed
    assert report.checks[0].detail == "Expected to fail: it counts pairs (3 is odd.)"
    report.raise_if_failed()
    assert try_all("two", 2, PROMISES, expected_failed={"is even": "it counts pairs"}).checks[0].detail == ""
    assert not try_all("three", 3, PROMISES, expected_failed={"is small": "no matter"}).passed


@pytest.mark.parametrize(
    ("expected", "message"),
    [({"is evn": "why"}, "Unknown check 'is evn'.*'is even'"), ({"is even": " "}, "needs a reason for 'is even'")],
)
def test_a_typo_or_no_reason_is_refused(expected: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        try_all("three", 3, PROMISES, expected_failed=expected)


@pytest.mark.parametrize("checker", [check_scorer, check_encoder, check_model, check_reward_env])
def test_every_public_checker_takes_them(checker: Callable[..., CheckReport]) -> None:
    assert "expected_failed_checks" in inspect.signature(checker).parameters
    made: dict[str, Any] = dict.fromkeys(inspect.signature(checker).parameters)
    made |= {"env": object(), "expected_failed_checks": {"no such check": "why"}, "seed": 0, "options": None}
    wanted = {name: made[name] for name in inspect.signature(checker).parameters}
    with pytest.raises((OptionError, AttributeError), match=r"no such check|has no attribute"):
        checker(**wanted)


def test_these_are_all_public_checkers() -> None:
    assert [name for name in tsreward.testing.__all__ if name.startswith("check_")] == [
        "check_encoder",
        "check_model",
        "check_reward_env",
        "check_scorer",
    ]
