"""Affiliation is that of its authors, and its closed integrals are those of a slow twin."""

import numpy as np
import pytest

from tests.detection.metrics.cases import LABELS, PREDICTIONS, drawn, marks, random_cases
from tests.reliability.metrics import affiliation_differs
from tsreward.detection.metrics import affiliation_f1, affiliation_precision, affiliation_recall

# From the authors' code as it is in TSB-AD 1.5, pr_from_events: precision, recall.
SMALL = [
    (0.5277777777777778, 0.4234848484848485),
    (0.8125, 0.38),
    (0.09090909090909083, 0.0375),
    (0.5811938832772165, 0.7272727272727273),
]
# The same on cases.drawn(seed, rows).
DRAWN = [
    (0, 300, 0.6344760126272732, 0.35306789382419634),
    (1, 300, 0.8289942825930254, 0.9602512432846778),
    (2, 400, 0.7861203457187107, 0.9600159592977869),
    (3, 1000, 0.7877839427152256, 0.92403640141715),
    (4, 1000, 0.8216146355528622, 0.9529251702883552),
    (5, 2500, 0.7558876589100948, 0.9953433216786827),
]


def check(labels, predictions, precision, recall):
    assert affiliation_precision(labels, predictions) == pytest.approx(precision, abs=1e-12)
    assert affiliation_recall(labels, predictions) == pytest.approx(recall, abs=1e-12)
    harmonic = 2 * precision * recall / (precision + recall)
    assert affiliation_f1(labels, predictions) == pytest.approx(harmonic, abs=1e-12)


@pytest.mark.parametrize(("digits", "values"), list(zip(PREDICTIONS, SMALL, strict=True)))
def test_a_small_series_gets_the_authors_values(digits, values):
    check(LABELS, marks(digits), *values)


@pytest.mark.parametrize(("case", "rows", "precision", "recall"), DRAWN)
def test_random_series_get_the_authors_values(case, rows, precision, recall):
    labels, _, predictions = drawn(case, rows)
    check(labels, predictions, precision, recall)


def test_affiliation_equals_its_slow_twin(seed):
    assert affiliation_differs(seed, number=200, rows=40) == 0


def test_random_predictions_look_good(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 0, 1, 0], [400, 30, 900, 50, 620])
    values = [affiliation_f1(labels, rng.random(2000) < 0.05) for _ in range(20)]
    assert 0.6 < np.mean(values) < 0.75
    assert 0.5 < np.mean([affiliation_precision(labels, rng.random(2000) < 0.05) for _ in range(20)]) < 0.6


def test_nearer_is_better_and_time_reversed_is_the_same(seed):
    labels = np.repeat([0, 1, 0], [40, 10, 50])
    values = [affiliation_f1(labels, np.arange(100) == row) for row in range(55, 100, 5)]
    assert values == sorted(values, reverse=True)
    for truth, _, predictions in random_cases(seed, number=30, rows=60):
        mirrored = affiliation_f1(truth[::-1], predictions[::-1])
        assert mirrored == pytest.approx(affiliation_f1(truth, predictions), abs=1e-12)
