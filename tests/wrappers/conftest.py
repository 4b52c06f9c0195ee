"""Models for the tests of the adapters."""

from __future__ import annotations

import pytest

from tests.scripted import small_model
from tsreward.model import RewardModel
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.deep_svdd import DeepSVDD


@pytest.fixture(scope="session")
def model() -> RewardModel:
    """Return a penalty with smoothing over windows with skipped steps: the model with most state."""
    return small_model(smoothing=0.6, skip=2)


@pytest.fixture(scope="session")
def unfitted() -> RewardModel:
    """Return a model that has seen nothing."""
    return RewardModel(DeepSVDD(4, 3), Penalty())
