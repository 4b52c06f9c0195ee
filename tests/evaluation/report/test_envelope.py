"""Few points, and no peak lost."""

import numpy as np
import pytest

from tsreward.evaluation.report.envelope import envelope


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
