"""Every scorer of the table keeps the contract."""

from typing import ClassVar

import pytest

from tests.contract import ScorerContract
from tsreward.scorers.base import SCORERS, Scorer

GOAL = "it says how far the goal is, and not what is normal"


class TestContract(ScorerContract):
    not_promised: ClassVar[dict[tuple[str, str], str]] = {
        (
            "DQN",
            "training is what separates",
        ): "its forecaster is fitted in closed form, and finds most of what is broken",
        ("GoalVideo", "planted anomalies score higher"): GOAL,
        ("GoalVideo", "the feature that broke is blamed"): GOAL,
        ("ForwardBackward", "planted anomalies score higher"): GOAL,
        ("ForwardBackward", "the feature that broke is blamed"): GOAL,
        ("ForwardBackward", "training is what separates"): GOAL,
        ("GoalVideoAndFrame", "planted anomalies score higher"): GOAL,
        ("GoalVideoAndFrame", "the feature that broke is blamed"): GOAL,
        ("GoalVideoAndFrame", "training is what separates"): GOAL,
        ("GoalVideoAndFrame", "negative windows teach what normal ones cannot"): GOAL,
    }

    @pytest.fixture(scope="class", params=sorted(SCORERS))
    @classmethod
    def scorer_class(cls, request: pytest.FixtureRequest) -> type[Scorer]:
        return SCORERS[request.param]
