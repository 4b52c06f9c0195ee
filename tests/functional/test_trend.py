"""The trend test, against scipy's rank correlation and against what it says of noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

from tsreward.functional.trend import mann_kendall


@pytest.mark.parametrize("number", [8, 30, 100])
@pytest.mark.parametrize("ties", [3, 1000])
def test_it_is_kendalls_tau_with_its_p_value(number, ties):
    values = np.random.default_rng(number).integers(ties, size=number) + np.arange(number) // 10
    found, expected = mann_kendall(values), kendalltau(np.arange(number), values, method="asymptotic")
    assert found.tau == pytest.approx(expected.statistic)
    # Without the correction for continuity z is s / sd, so one unit of s lies between the two.
    p_value = 2 * norm.sf(abs(found.z))
    assert p_value == pytest.approx(expected.pvalue, abs=0.15 if number == 8 else 0.03)
    assert p_value > 0.999 * expected.pvalue


def test_noise_rings_as_seldom_as_it_says():
    draw = np.random.default_rng(0)
    beyond = np.mean([abs(mann_kendall(draw.normal(size=20)).z) > 1.96 for _ in range(2000)])
    assert 0.03 < beyond < 0.06


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0]])
def test_nothing_has_no_trend(values):
    assert mann_kendall(np.array(values)) == (0.0, 0.0)
