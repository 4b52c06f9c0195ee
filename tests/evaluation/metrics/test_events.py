"""Events are found or not, and false alarms counted once."""

import pytest

from tests.evaluation.metrics import naive
from tests.evaluation.metrics.cases import marks, random_cases
from tsreward.evaluation.metrics import event_f1, event_precision, event_recall


def test_event_metrics_equal_their_slow_twins(seed):
    for labels, _, predictions in random_cases(seed, number=200, rows=60):
        found, events, false = naive.event_counts(labels, predictions)
        assert event_recall(labels, predictions) == found / events
        assert event_precision(labels, predictions) == (found / (found + false) if found + false else 0)
        assert event_f1(labels, predictions) == pytest.approx(2 * found / (found + false + events), abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "predictions", "precision", "recall"),
    [
        ("0110110", "0010000", 1, 1 / 2),
        ("0110110", "0111110", 1, 1),  # one long run finds both
        ("0111110", "0101010", 1, 1),  # three runs find one event, once
        ("0110000", "1001111", 0, 0),
        ("0110000", "1101011", 1 / 3, 1),
    ],
)
def test_runs_count_once(labels, predictions, precision, recall):
    assert event_precision(marks(labels), marks(predictions)) == precision
    assert event_recall(marks(labels), marks(predictions)) == recall
