"""Precision, recall and F1 are scikit-learn's; point adjustment rewards one lucky row with a whole event."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from tests.detection.metrics import naive
from tests.detection.metrics.cases import random_cases
from tsreward.detection.metrics import f1, oracle_f1, oracle_point_adjusted_f1, point_adjusted_f1, precision, recall


def test_pointwise_metrics_equal_scikit_learn(seed):
    for labels, _, predictions in random_cases(seed, number=100, rows=80):
        assert precision(labels, predictions) == pytest.approx(precision_score(labels, predictions, zero_division=0))
        assert recall(labels, predictions) == pytest.approx(recall_score(labels, predictions))
        assert f1(labels, predictions) == pytest.approx(f1_score(labels, predictions), abs=1e-12)


def test_the_oracle_tries_every_threshold(seed):
    for labels, scores, _ in random_cases(seed, number=60, rows=40):
        expected = max(naive.f1(labels, scores >= threshold) for threshold in scores)
        assert oracle_f1(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_point_adjustment_equals_its_slow_twin(seed):
    for labels, _, predictions in random_cases(seed, number=100, rows=60):
        expected = naive.f1(labels, naive.adjusted(labels, predictions))
        assert point_adjusted_f1(labels, predictions) == pytest.approx(expected, abs=1e-12)
        assert expected >= f1(labels, predictions) - 1e-12


def test_the_adjusted_oracle_tries_every_threshold(seed):
    for labels, scores, _ in random_cases(seed, number=60, rows=40):
        expected = max(naive.f1(labels, naive.adjusted(labels, scores >= threshold)) for threshold in scores)
        assert oracle_point_adjusted_f1(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_random_scores_reach_a_high_figure(seed):
    labels = np.repeat([0, 1, 0, 1, 0], [1500, 400, 1500, 300, 1300])
    scores = np.random.default_rng(seed).random(len(labels))
    assert oracle_point_adjusted_f1(labels, scores) > 0.9
    assert oracle_f1(labels, scores) < 0.3
