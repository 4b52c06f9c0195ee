"""What every scorer promises, one test for each check of `tsreward.testing.check_scorer`. To test one of your own:

class TestMyScorer(ScorerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def scorer_class(cls):
        return MyScorer
"""

from typing import ClassVar

import pytest

from tsreward.scorers.base import Scorer
from tsreward.testing.report import try_all
from tsreward.testing.scorers import SCORER_PROMISES
from tsreward.testing.worlds import ScorerCase


class ScorerContract:
    """Give the class under test as the fixture `scorer_class`, and its least separation where that is known."""

    learned_auc = 0.8
    """Least ROC AUC on windows with broken relations, for scorers that learn by gradient."""
    supervised_auc = 0.8
    """Least ROC AUC with known bad windows where the one-class form stays below 0.7."""

    not_promised: ClassVar[dict[tuple[str, str], str]] = {}
    """(class, promise) -> why a scorer cannot keep it."""

    @pytest.fixture(scope="class")
    @classmethod
    def case(cls, scorer_class: type[Scorer], seed: int) -> ScorerCase:
        return ScorerCase(scorer_class, seed, cls.learned_auc, cls.supervised_auc)

    @pytest.mark.parametrize("name", [promise.name for promise in SCORER_PROMISES])
    def test_promise(self, case: ScorerCase, name: str) -> None:
        if reason := self.not_promised.get((getattr(case.scorer, "__name__", ""), name)):
            pytest.skip(reason)
        report = try_all(type(self).__name__, case, SCORER_PROMISES, only=[name])
        report.raise_if_failed()
        if report.checks[0].detail.startswith("Not applicable"):
            pytest.skip(report.checks[0].detail)
