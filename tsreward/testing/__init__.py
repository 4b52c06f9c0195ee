"""Checks of scorers, encoders, models and environments of your own; a failed one says how to repair it.

>>> from tsreward.scorers.knn import KNN
>>> report = check_scorer(KNN, only=["scores are repeatable", "scores are float32"])
>>> report.passed, len(report.checks)
(True, 2)
"""

from tsreward.testing.encoders import check_encoder
from tsreward.testing.environments import check_reward_env
from tsreward.testing.models import check_model
from tsreward.testing.report import Check, CheckReport, ContractError
from tsreward.testing.scorers import check_scorer

__all__ = [
    "Check",
    "CheckReport",
    "ContractError",
    "check_encoder",
    "check_model",
    "check_reward_env",
    "check_scorer",
]
