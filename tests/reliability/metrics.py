"""Metrics beside slow twins and scikit-learn, on random cases."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.detection.metrics import naive
from tests.detection.metrics.cases import random_cases
from tsreward.detection.metrics import affiliation_precision, affiliation_recall, average_precision, roc_auc, vus


def vus_differs(seed: int, number: int, rows: int) -> int:
    """Return in how many cases VUS is not that of its slow twin, to 1e-9."""
    wrong = 0
    for case, (labels, scores, _) in enumerate(random_cases(seed, number, rows)):
        window = 3 * len(labels) if case % 50 == 5 else case % 17
        wrong += not np.allclose(vus(labels, scores, window), naive.vus(labels, scores, window), rtol=0, atol=1e-9)
    return wrong


def affiliation_differs(seed: int, number: int, rows: int) -> int:
    """Return in how many cases affiliation is not that of its slow twin, to 1e-9."""
    wrong = 0
    for labels, _, predictions in random_cases(seed, number, rows):
        found = affiliation_precision(labels, predictions), affiliation_recall(labels, predictions)
        wrong += not np.allclose(found, naive.affiliation(labels, predictions), rtol=0, atol=1e-9)
    return wrong


def ranking_differs(seed: int, number: int) -> int:
    """Return in how many cases, many of them with ties, a rank metric is not that of scikit-learn, to 1e-12.

    And in how many it changes where scores are mapped by a function that rises, which it must not.
    """
    rng, wrong = np.random.default_rng(seed), 0
    for case in range(number):
        size = int(rng.integers(2, 200))
        labels = rng.random(size) < rng.uniform(0.02, 0.98)
        labels[:2] = (True, False)
        rng.shuffle(labels)
        scores = rng.normal(size=size) + labels * rng.normal()
        if case % 2:
            scores = np.round(scores, int(rng.integers(0, 3)))  # ties, down to a handful of values
        if case % 10 == 0:
            scores = np.full(size, 3.25)
        found = roc_auc(labels, scores), average_precision(labels, scores)
        wanted = roc_auc_score(labels, scores), average_precision_score(labels, scores)
        wrong += not np.allclose(found, wanted, rtol=0, atol=1e-12)
        if case % 10 == 1:
            mapped = np.unique(scores, return_inverse=True)[1] ** 3 - 5.0
            wrong += found != (roc_auc(labels, mapped), average_precision(labels, mapped))
    return wrong
