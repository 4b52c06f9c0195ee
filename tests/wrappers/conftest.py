"""Small fitted models for the tests of the adapters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tsreward.encoders.identity import Identity
from tsreward.model import RewardModel
from tsreward.rewards.likeness import Likeness, LikenessOptions
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.training import TrainOptions

MakeModel = Callable[..., RewardModel]


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """Return a function that gives a model for observations of a shape, fitted on noise."""

    def make(shape: tuple[int, ...] = (3,), mode: str = "penalty", smoothing: float = 0.0, skip: int = 1) -> RewardModel:
        scorer = DeepSVDD(4, int(np.prod(shape)), DeepSVDDOptions(hidden=16, embedding=4))
        reward = {
            "penalty": lambda: Penalty(PenaltyOptions(form="raw", false_alarm_rate=0.4, smoothing=smoothing)),
            "likeness": lambda: Likeness(LikenessOptions(smoothing=smoothing)),
        }[mode]()
        model = RewardModel(scorer, reward, Identity(shape), skip=skip)
        normal = np.random.default_rng(7).normal(size=(6, 20, *shape)).astype(np.float32)
        model.fit(list(normal), rewards=np.ones(1), options=TrainOptions(epochs=1))
        return model

    return make


@pytest.fixture(scope="session")
def model(make_model: MakeModel) -> RewardModel:
    """Return a penalty with smoothing over windows with skipped steps: the model with most state."""
    return make_model(smoothing=0.6, skip=2)


@pytest.fixture(scope="session")
def unfitted() -> RewardModel:
    """Return a model that has seen nothing."""
    return RewardModel(DeepSVDD(4, 3), Penalty())
