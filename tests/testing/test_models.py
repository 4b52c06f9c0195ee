"""Sound models pass, and those that are broken fail the check that is meant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.scripted import script, small_model
from tests.testing.mutants import BatchDependent, Constant, Counting, Noisy
from tsreward.pipeline.model import RewardModel
from tsreward.rewards.likeness import Likeness
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode
from tsreward.testing import check_model


def fitted(scorer: type[Mahalanobis] = Mahalanobis) -> RewardModel:
    model = RewardModel(scorer(4), Likeness())
    model.fit(list(np.random.default_rng(0).normal(size=(4, 40, 3))))
    return model


def unsorted() -> RewardModel:
    model = fitted()
    model.calibration.scores[0] = 1e3
    return model


def low_threshold() -> RewardModel:
    model = fitted()
    model.mode.threshold.fill_(-1e9)
    return model


def upside_down() -> RewardModel:
    class Upside(Likeness):
        def forward(self, scores: torch.Tensor, *others: object) -> torch.Tensor:
            return scores.double()

    model = RewardModel(Mahalanobis(4), Upside())
    model.fit(list(np.random.default_rng(0).normal(size=(4, 40, 3))))
    return model


def training() -> RewardModel:
    model = fitted()
    model.train()
    return model


BROKEN: dict[str, Callable[[], RewardModel]] = {
    "it is fitted": lambda: RewardModel(Mahalanobis(4), Likeness()),
    "it is in evaluation mode": training,
    "the calibration scores are sound": unsorted,
    "scores are varied": lambda: fitted(Constant),
    "the calibration scores are varied": lambda: fitted(Constant),
    "the threshold keeps the false-alarm rate": low_threshold,
    "a higher score is never rewarded more": upside_down,
    "rewards are repeatable": lambda: fitted(Noisy),
    "step by step and in bulk: reward": lambda: fitted(Noisy),
    "rewarding changes no state": lambda: fitted(Counting),
    "rows do not see each other: 7": lambda: fitted(BatchDependent),
    "it goes through a file": lambda: fitted(Noisy),
}


@pytest.mark.parametrize("kind", [{}, {"mode": "likeness"}, {"smoothing": 0.6, "frame_skip": 2}, {"shape": (2, 3)}])
def test_sound_models_pass(kind: dict) -> None:
    report = check_model(small_model(**kind))
    report.raise_if_failed()
    assert len(report.checks) >= 27


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_fails(name: str) -> None:
    (check,) = check_model(BROKEN[name](), only=[name]).checks
    assert not check.passed and check.detail and check.remedy


def test_episodes_may_be_given_with_or_without_rewards() -> None:
    model, episode = small_model(), script(np.random.default_rng(0), 60)
    for given in (episode, Episode(episode.obs)):
        check_model(model, [given, given]).raise_if_failed()


def test_episodes_of_another_shape_fail() -> None:
    report = check_model(small_model(), [script(np.random.default_rng(0), 9, shape=(5,))])
    named = {check.name: check.detail for check in report.failures}
    assert named["the data have its shape"] == "The model reads (3,), the data hold (5,)."


def test_a_model_that_is_not_fitted_fails_without_an_exception() -> None:
    report = check_model(RewardModel(Mahalanobis(4), Likeness()))
    assert "it is fitted" in {check.name for check in report.failures}
    assert len(report.failures) > 10
