"""Every scorer of the table keeps the contract."""

import pytest

from tests.contract import ScorerContract
from tsreward.scorers.base import SCORERS, Scorer


class TestContract(ScorerContract):
    @pytest.fixture(scope="class", params=sorted(SCORERS))
    @classmethod
    def scorer_class(cls, request: pytest.FixtureRequest) -> type[Scorer]:
        return SCORERS[request.param]
