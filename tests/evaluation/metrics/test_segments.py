"""Runs of marked rows are found at the borders too."""

import numpy as np
import pytest

from tests.evaluation.metrics import naive
from tests.evaluation.metrics.cases import PREDICTIONS, marks
from tsreward.evaluation.metrics.segments import any_within, segments, sums_within


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
