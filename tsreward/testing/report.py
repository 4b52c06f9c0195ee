"""What a check found, and the random state that it must not touch."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from tsreward.errors import OptionError, TSRewardError, unknown_name


def touched(work: Callable[[], object]) -> list[str]:
    """Return the generators whose state the work changed: torch, numpy, random.

    >>> touched(lambda: random.random())
    ['random']
    """
    before = _states()
    work()
    return [name for name, state in _states().items() if state != before[name]]


def _states() -> dict[str, object]:
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002 - it is looked at, not drawn from
    assert isinstance(numpy_state, dict)
    inner = numpy_state["state"]
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (inner["key"].tolist(), inner["pos"], numpy_state["has_gauss"], numpy_state["gauss"]),
        "random": random.getstate(),
    }


class ContractError(TSRewardError, AssertionError):
    """Something does not keep its contract; the message lists what failed."""


@dataclass(frozen=True)
class Check:
    """One promise, and whether it is kept."""

    name: str
    passed: bool
    remedy: str
    """What to do where it is not kept, in one line."""
    detail: str = ""
    """What was wanted and what came; or why the check does not apply or was expected to fail, which count as passed."""


@dataclass(frozen=True)
class CheckReport:
    """All checks of one thing."""

    subject: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return not self.failures

    @property
    def failures(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    def raise_if_failed(self) -> None:
        """Do nothing where all is well.

        Raises:
            ContractError: a check failed; the message has a line with the remedy for each.
        """
        if self.passed:
            return
        lines = [f"{check.name}: {check.detail} {check.remedy}" for check in self.failures]
        header = f"{self.subject} fails {len(lines)} of {len(self.checks)} checks:"
        raise ContractError("\n  ".join([header, *lines]))


class NotApplicable(Exception):
    """A check has nothing to say about this thing; the message tells why."""


CaseT = TypeVar("CaseT")


class Promise(NamedTuple):
    """A check that was not made yet."""

    name: str
    test: Callable[[Any], str | None]
    """Given a case, returns what is wrong, or None. Whatever it raises is wrong, too."""
    remedy: str


def try_all(
    subject: str,
    case: Any,
    promises: Sequence[Promise],
    only: Collection[str] | None = None,
    expected_failed: Mapping[str, str] | None = None,
) -> CheckReport:
    """Return the report of all promises, or of those named; those in `expected_failed` may fail for a reason.

    Raises:
        OptionError: `only` or `expected_failed` has a name that no promise has, or a reason is empty.

    >>> promises = [Promise("is even", lambda n: f"{n} is odd." if n % 2 else None, "Add one.")]
    >>> try_all("three", 3, promises).failures
    [Check(name='is even', passed=False, remedy='Add one.', detail='3 is odd.')]
    """
    known, expected = [promise.name for promise in promises], expected_failed or {}
    for name in (*(only or ()), *expected):
        if name not in known:
            raise unknown_name("check", name, known)
    if nameless := [name for name, reason in expected.items() if not reason.strip()]:
        raise OptionError(f"expected_failed_checks needs a reason for {nameless[0]!r}: say why it cannot be kept.")
    made = [_try(promise, case) for promise in promises if only is None or promise.name in only]
    return CheckReport(subject, tuple(_excused(check, expected.get(check.name)) for check in made))


def _excused(check: Check, reason: str | None) -> Check:
    """Return a check that was expected to fail for a reason as passed."""
    if reason is None or check.passed:
        return check
    return replace(check, passed=True, detail=f"Expected to fail: {reason} ({check.detail})")


def _try(promise: Promise, case: Any) -> Check:
    try:
        wrong = promise.test(case)
    except NotApplicable as reason:
        return Check(promise.name, True, promise.remedy, f"Not applicable: {reason}.")
    except Exception as error:
        wrong = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Check(promise.name, wrong is None, promise.remedy, wrong or "")


def refusal(call: Callable[[], object], error: type[Exception], message: str) -> str | None:
    """Return what is wrong where a call does not raise this error with a message that the pattern is found in."""
    try:
        call()
    except error as raised:
        return None if re.search(message, str(raised)) else f"The message '{raised}' does not match '{message}'."
    except Exception as raised:
        return f"It raised {type(raised).__name__} ({raised}) in place of {error.__name__}."
    return f"It was accepted; wanted {error.__name__}."
