"""Every metric takes labels of any kind, changes nothing, and refuses what it cannot measure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detection.metrics import naive
from tests.detection.metrics.cases import LABELS, PREDICTIONS, SCORES, marks
from tsreward.detection import metrics
from tsreward.detection.metrics.labels import any_within, segments, sums_within
from tsreward.errors import DataError, ShapeError

OF_SCORES = {
    "average_precision": metrics.average_precision,
    "oracle_f1": metrics.oracle_f1,
    "oracle_point_adjusted_f1": metrics.oracle_point_adjusted_f1,
    "roc_auc": metrics.roc_auc,
    "vus_pr": lambda labels, scores: metrics.vus_pr(labels, scores, 4),
    "vus_roc": lambda labels, scores: metrics.vus_roc(labels, scores, 4),
}
OF_PREDICTIONS = {
    name: getattr(metrics, name)
    for name in metrics.__all__
    if name.endswith(("f1", "precision", "recall")) and name not in OF_SCORES
}
of_scores = pytest.mark.parametrize("metric", OF_SCORES.values(), ids=OF_SCORES)
of_predictions = pytest.mark.parametrize("metric", OF_PREDICTIONS.values(), ids=OF_PREDICTIONS)


def test_every_metric_is_here():
    beside = {"VUS", "macro_auc", "micro_auc", "vus", "vus_window", "hit_rate", "ndcg"}
    assert set(OF_SCORES) | set(OF_PREDICTIONS) | beside == set(metrics.__all__)
    assert len(OF_PREDICTIONS) == 13


@of_scores
def test_labels_of_any_kind_are_taken_and_not_changed(metric):
    labels, scores = LABELS * 2.5, SCORES.astype(np.float32)
    kept = labels.copy(), scores.copy()
    assert metric(labels, scores) == metric(LABELS > 0, scores.astype(np.float64)) == metric(list(labels), list(scores))
    np.testing.assert_array_equal(labels, kept[0])
    np.testing.assert_array_equal(scores, kept[1])


@of_predictions
def test_predictions_are_bool_or_0_and_1_and_not_changed(metric):
    labels, predictions = LABELS * 2.5, marks(PREDICTIONS[0])
    kept = labels.copy(), predictions.copy()
    assert metric(labels, predictions) == metric(LABELS > 0, predictions.astype(int)) > 0
    np.testing.assert_array_equal(labels, kept[0])
    np.testing.assert_array_equal(predictions, kept[1])


@of_scores
@pytest.mark.parametrize(
    ("labels", "scores", "error", "message"),
    [
        ([1, 1], [0.1, 0.2], DataError, "needs both classes, but all 2 labels are anomalous"),
        ([0, 0], [0.1, 0.2], DataError, "needs both classes, but all 2 labels are normal"),
        ([0, 1], [0.1, np.nan], DataError, "NaN or inf among the scores"),
        ([0, np.nan], [0.1, 0.2], DataError, "NaN or inf among the labels"),
        ([0, 1], [0.1], ShapeError, r"expects labels \[T\] and scores \[T\], got \[2\] and \[1\]"),
        ([[0, 1]], [[0.1, 0.2]], ShapeError, r"got \[1, 2\] and \[1, 2\]"),
        ([], [], DataError, "needs both classes"),
    ],
)
def test_scores_that_cannot_be_evaluated_are_refused(metric, labels, scores, error, message):
    with pytest.raises(error, match=message):
        metric(np.array(labels), np.array(scores))


@of_predictions
@pytest.mark.parametrize(
    ("labels", "predictions", "error", "message"),
    [
        ([0, 0], [True, False], DataError, "needs anomalous rows, but all 2 labels are normal"),
        ([0, 1], [0.1, 0.7], DataError, "compare scores with a threshold first"),
        ([0, 1], [0, np.nan], DataError, "compare scores with a threshold first"),
        ([0, np.nan], [True, False], DataError, "NaN or inf among the labels"),
        ([0, 1], [True], ShapeError, r"expects labels \[T\] and predictions \[T\], got \[2\] and \[1\]"),
        ([], [], DataError, "needs anomalous rows, but all 0 labels"),
    ],
)
def test_predictions_that_cannot_be_evaluated_are_refused(metric, labels, predictions, error, message):
    with pytest.raises(error, match=message):
        metric(np.array(labels), np.array(predictions))


@of_predictions
@pytest.mark.parametrize("digits", [*PREDICTIONS, "1" * 20, "0" * 19 + "1"])
def test_perfect_predictions_get_one_and_none_get_zero(metric, digits):
    truth = marks(digits)
    assert metric(truth, truth) == 1
    assert metric(truth, np.zeros(20, bool)) == 0


@of_scores
def test_perfect_scores_get_one(metric):
    labels = np.repeat([0, 1, 0, 1, 0], [20, 7, 20, 2, 20])
    # Any buffer row that scores like an anomaly counts for VUS, so the labels themselves are a little short of one.
    assert 0.9 < metric(labels, labels + 0.0) <= 1


@of_scores
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40),
    values=st.lists(st.floats(-1e9, 1e9), min_size=10, max_size=10, unique=True),
)
def test_only_the_ranks_of_scores_matter(metric, rows, values):
    labels, ranks = np.array(rows).T
    labels[:2] = (0, 1)
    assert metric(labels, np.sort(values)[ranks]) == metric(labels, ranks)


@pytest.mark.parametrize("digits", [*PREDICTIONS, "", "0", "1", "1111", "0000", "10", "01", "101"])
def test_segments_are_the_runs(digits):
    rows = marks(digits).astype(bool)
    starts, stops = segments(rows)
    expected = naive.runs(rows)
    assert starts.tolist() == [run.start for run in expected]
    assert stops.tolist() == [run.stop for run in expected]


def test_sums_and_marks_within():
    values, starts, stops = np.array([1, -2, 3, 0]), np.array([0, 1, 3]), np.array([4, 3, 3])
    assert sums_within(values, starts, stops).tolist() == [2, 1, 0]
    assert any_within(values == 3, starts, stops).tolist() == [True, True, False]
