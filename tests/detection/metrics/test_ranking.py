"""The rank metrics are scikit-learn's, and say what they cannot measure."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tsreward.detection.metrics import average_precision, roc_auc


def test_metrics_equal_scikit_learn_on_a_thousand_cases(seed):
    rng = np.random.default_rng(seed)
    for case in range(1_000):
        size = int(rng.integers(2, 200))
        labels = rng.random(size) < rng.uniform(0.02, 0.98)
        labels[:2] = (True, False)
        rng.shuffle(labels)
        scores = rng.normal(size=size) + labels * rng.normal()
        if case % 2:
            scores = np.round(scores, int(rng.integers(0, 3)))  # ties, down to a handful of values
        if case % 10 == 0:
            scores = np.full(size, 3.25)
        assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
