"""Scores as columns: one row per transition, equal to the bulk rewards', whatever the mode asks of rewards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsreward.detection.metrics.ranking import label_agreement
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel
from tsreward.pipeline.scores import score_episodes
from tsreward.rewards.penalty import Penalty, PenaltyOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode


@pytest.fixture(scope="module")
def model() -> RewardModel:
    fitted = RewardModel(Mahalanobis(3), Penalty(PenaltyOptions(unit=1.0)))
    fitted.fit(list(np.random.default_rng(0).normal(size=(6, 30, 2)).astype(np.float32)))
    return fitted


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    rng = np.random.default_rng(1)
    return [Episode(rng.normal(size=(n + 1, 2)), rng.normal(size=n), rng.integers(0, 2, n) * 2.0) for n in (5, 1, 9)]


def test_rows_are_the_transitions_in_order(model, episodes):
    scores = score_episodes(model, episodes)
    np.testing.assert_array_equal(scores.episode, [0] * 5 + [1] + [2] * 9)
    np.testing.assert_array_equal(scores.step, [*range(5), 0, *range(9)])
    expected = relabel(model, episodes)
    np.testing.assert_array_equal(scores.score, np.concatenate([step.score for step in expected]))
    np.testing.assert_array_equal(scores.p_value, np.concatenate([step.p_value for step in expected]))
    np.testing.assert_array_equal(scores.is_anomaly, np.concatenate([step.is_anomaly for step in expected]))
    np.testing.assert_array_equal(scores.label, np.concatenate([episode.costs for episode in episodes]) > 0)


def test_neither_rewards_nor_costs_are_needed(model, episodes):
    bare = [replace(episode, rewards=None, costs=None) for episode in episodes]
    scores = score_episodes(model, bare)
    np.testing.assert_array_equal(scores.score, score_episodes(model, episodes).score)
    assert scores.label is None


def test_agreement_counts_what_it_saw():
    result = label_agreement(np.array([0.0, 2.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.2, 0.8]))
    assert (result.roc, result.average_precision, result.steps, result.anomalous) == (1.0, 1.0, 4, 2)
