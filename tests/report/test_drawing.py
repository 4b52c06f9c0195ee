"""Few points, and no peak lost."""

from __future__ import annotations

import numpy as np
import pytest

from tsreward.report.bench import Mistake, mistakes
from tsreward.report.drawing import envelope, runs


@pytest.mark.parametrize("rows", [1, 20, 21, 1000, 23_701])
def test_peaks_stay_where_they_were(rows):
    values = np.random.default_rng(0).normal(size=rows)
    positions, reduced = envelope(values, start=7, bins=10)
    assert len(positions) == len(reduced) <= 20
    assert (np.diff(positions) > 0).all()
    assert positions[0] >= 7
    assert positions[-1] < 7 + rows
    assert (reduced.min(), reduced.max()) == (values.min(), values.max())
    peak = int(values.argmax())
    assert abs(positions[reduced.argmax()] - 7 - peak) <= rows / 10


def naive_runs(mask, join):
    found, quiet = [], None
    for row, value in enumerate(mask):
        if value:
            if found and quiet is not None and quiet <= join:
                found[-1][1] = row + 1
            else:
                found.append([row, row + 1])
            quiet = 0
        elif quiet is not None:
            quiet += 1
    return [tuple(run) for run in found]


@pytest.mark.parametrize("join", [0, 1, 3])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.8, 1.0])
def test_runs_against_an_obvious_twin(join, share):
    for seed in range(20):
        mask = np.random.default_rng(seed).random(40) < share
        assert runs(mask, join) == naive_runs(mask, join)


def test_worst_first_and_no_more_than_asked_for():
    labels, scores = np.zeros(1000, dtype=bool), np.zeros(1000)
    for start in (100, 300, 500, 700):
        labels[start : start + 10] = True
    scores[[105, 305, 505]] = [0.3, 0.1, 2.0]  # two missed, one found, and one without any score
    scores[[50, 60, 200, 400, 515, 900]] = [5.0, 3.0, 9.0, 1.5, 8.0, 7.0]
    assert mistakes(labels, scores, threshold=1.0, count=3) == [
        Mistake("false alarm", 200, 201, 9.0, 200),
        Mistake("false alarm", 900, 901, 7.0, 900),
        Mistake("false alarm", 50, 61, 5.0, 50),
        Mistake("miss", 700, 710, 0.0, 700),
        Mistake("miss", 300, 310, 0.1, 305),
        Mistake("miss", 100, 110, 0.3, 105),
    ]
    assert [found.peak for found in mistakes(labels, scores, threshold=1.0, count=1)] == [9.0, 0.0]


def test_none():
    labels = np.array([False, True, True, False])
    assert mistakes(labels, np.array([0.0, 2.0, 0.0, 0.0]), threshold=1.0) == []
