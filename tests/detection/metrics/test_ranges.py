"""Events are found or not, and false alarms counted once."""

import itertools

import numpy as np
import pytest

from tests.detection.metrics import naive
from tests.detection.metrics.cases import LABELS, PREDICTIONS, drawn, marks, random_cases
from tsreward.detection.metrics import event_f1, event_precision, event_recall, range_f1, range_precision, range_recall
from tsreward.detection.metrics.ranges import BIASES, CARDINALITIES
from tsreward.errors import OptionError


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


# From TSB-AD 1.5, range_recall_new with alpha 0.2 for recall: recall, precision.
SMALL = [(0.12, 1 / 3), (0.32, 0.75), (0.0, 0.0), (0.6, 0.4 / 3)]
# The same on cases.drawn(seed, rows).
DRAWN = [
    (0, 300, 0.04571428571428572, 0.4),
    (1, 300, 0.28349783549783547, 0.72),
    (2, 400, 0.30187205387205385, 0.5757575757575758),
    (3, 1000, 0.23827235772357724, 0.6111111111111112),
    (4, 1000, 0.2318667335004177, 0.48917748917748916),
    (5, 2500, 0.21348805611148078, 0.5471698113207547),
]


def check(labels, predictions, recall, precision):
    assert range_recall(labels, predictions, alpha=0.2, cardinality="reciprocal") == pytest.approx(recall, abs=1e-12)
    assert range_precision(labels, predictions, cardinality="reciprocal") == pytest.approx(precision, abs=1e-12)
    both = range_f1(labels, predictions, alpha=0.2, cardinality="reciprocal")
    assert both == pytest.approx(2 * recall * precision / max(recall + precision, 1e-9), abs=1e-12)


@pytest.mark.parametrize(("digits", "values"), list(zip(PREDICTIONS, SMALL, strict=True)))
def test_a_small_series_gets_the_values_of_tsb_ad(digits, values):
    check(LABELS, marks(digits), *values)


@pytest.mark.parametrize(("case", "rows", "recall", "precision"), DRAWN)
def test_random_series_get_the_values_of_tsb_ad(case, rows, recall, precision):
    labels, _, predictions = drawn(case, rows)
    check(labels, predictions, recall, precision)


@pytest.mark.parametrize(("bias", "cardinality"), list(itertools.product(BIASES, CARDINALITIES)))
def test_range_metrics_equal_their_slow_twins(bias, cardinality, seed):
    for labels, _, predictions in random_cases(seed, number=60, rows=50):
        for alpha in (0.0, 0.3, 1.0):
            expected = naive.range_recall(labels, predictions, alpha, bias, cardinality)
            assert range_recall(labels, predictions, alpha, bias, cardinality) == pytest.approx(expected, abs=1e-12)
        expected = naive.range_recall(predictions, labels, 0.0, bias, cardinality)
        assert range_precision(labels, predictions, bias, cardinality) == pytest.approx(expected, abs=1e-12)


def test_bias_says_where_a_hit_is_worth_most():
    labels, first, last = np.ones(4), marks("1000"), marks("0001")
    assert range_recall(labels, first, bias="front") == range_recall(labels, last, bias="back") == 0.4
    assert range_recall(labels, first, bias="back") == range_recall(labels, last, bias="front") == 0.1
    assert range_recall(labels, marks("0100"), bias="middle") == 2 / 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "existence weight alpha between 0 and 1, got 1.5"),
        ({"alpha": np.nan}, "existence weight alpha"),
        ({"bias": "font"}, "Unknown bias 'font': did you mean 'front'"),
        ({"cardinality": "half"}, "Unknown cardinality 'half'"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        range_f1(LABELS, LABELS, **options)
