"""Every built-in scorer passes (`tests/scorers/test_contract.py`), and what is broken fails the check that is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from tests.testing.mutants import BROKEN_SCORERS
from tsreward.errors import OptionError
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.knn import KNN
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.testing import ContractError, check_scorer
from tsreward.testing.scorer_scores import SCORES
from tsreward.testing.scorers import SCORER_PROMISES


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", BROKEN_SCORERS)
def test_what_is_broken_fails(name: str) -> None:
    (check,) = check_scorer(BROKEN_SCORERS[name], only=[name]).checks
    assert not check.passed
    assert check.detail and "\n" not in check.detail + check.remedy


@pytest.mark.parametrize("scorer", [Mahalanobis, lambda window: KNN(window)])
def test_a_class_and_a_function_pass_all_checks(scorer: type[Scorer] | Callable[[int], Scorer]) -> None:
    report = check_scorer(scorer)
    report.raise_if_failed()
    assert len(report.checks) == len(SCORER_PROMISES) >= 50
    assert all(check.remedy for check in report.checks)
    skipped = {check.name for check in report.checks if check.detail.startswith("Not applicable")}
    assert {"training is what separates", "negative windows teach what normal ones cannot"} <= skipped


@pytest.mark.parametrize("name", [promise.name for promise in SCORES])
def test_every_check_of_scores_can_be_the_first(name: str) -> None:
    # The first one trains the scorer that all share, which takes gradients.
    check_scorer(DeepSVDD, only=[name]).raise_if_failed()


def test_a_scorer_that_cannot_be_made_fails_without_an_exception() -> None:
    def broken(window: int) -> Scorer:
        raise RuntimeError("out of order")

    report = check_scorer(broken, only=["scores are float32", "fit returns the object"])
    assert [check.detail for check in report.failures] == ["RuntimeError: out of order"] * 2


def test_the_error_holds_a_line_with_the_remedy_for_each_failure() -> None:
    report = check_scorer(BROKEN_SCORERS["scores are varied"], only=["scores are varied", "scores are float32"])
    with pytest.raises(ContractError, match=r"Constant fails 1 of 2 checks:\n  scores are varied: .* may have collaps"):
        report.raise_if_failed()


def test_unknown_checks_are_refused() -> None:
    with pytest.raises(OptionError, match="Unknown check 'scores are flat32': did you mean 'scores are float32'"):
        check_scorer(Mahalanobis, only=["scores are flat32"])
