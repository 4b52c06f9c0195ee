"""The metrics are scikit-learn's, and say what they cannot measure."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tsreward.errors import DataError, ShapeError
from tsreward.evaluation.metrics import average_precision, roc_auc


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


def test_metrics_take_labels_of_any_kind_and_do_not_change_them():
    labels, scores = np.array([0.0, 0.0, 2.5, 1.0]), np.array([0.1, 0.4, 0.35, 0.8], np.float32)
    kept = labels.copy(), scores.copy()
    assert roc_auc(labels, scores) == roc_auc(labels > 0, scores) == 0.75
    np.testing.assert_array_equal(labels, kept[0])
    np.testing.assert_array_equal(scores, kept[1])


@pytest.mark.parametrize("metric", [roc_auc, average_precision])
@pytest.mark.parametrize(
    ("labels", "scores", "error", "message"),
    [
        ([1, 1], [0.1, 0.2], DataError, "needs both classes, but all 2 labels are anomalous"),
        ([0, 0], [0.1, 0.2], DataError, "needs both classes, but all 2 labels are normal"),
        ([0, 1], [0.1, np.nan], DataError, "NaN or inf among the scores"),
        ([0, np.nan], [0.1, 0.2], DataError, "NaN or inf among the labels"),
        ([0, 1], [0.1], ShapeError, r"expects labels \[N\] and scores \[N\], got \[2\] and \[1\]"),
        ([[0, 1]], [[0.1, 0.2]], ShapeError, r"got \[1, 2\] and \[1, 2\]"),
        ([], [], DataError, "needs both classes"),
    ],
)
def test_what_cannot_be_measured_is_refused(metric, labels, scores, error, message):
    with pytest.raises(error, match=message):
        metric(np.array(labels), np.array(scores))
