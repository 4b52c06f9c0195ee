"""Correlations against scipy's."""

import numpy as np
import pytest

from tsreward.evaluation.audit.ranks import kendall, pearson, spearman


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), [(pearson, "pearsonr"), (spearman, "spearmanr"), (kendall, "kendalltau")])
def test_against_scipy(ours, theirs, ties):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=40), rng.normal(size=40)
    second += first
    if ties:
        first, second = first.round(), second.round()
    assert ours(first, second) == pytest.approx(getattr(stats, theirs)(first, second).statistic, abs=1e-12)


@pytest.mark.parametrize("correlation", [pearson, spearman, kendall])
def test_a_constant_has_none(correlation):
    assert correlation(np.ones(4), np.arange(4.0)) is None
    assert correlation(np.arange(1.0), np.arange(1.0)) is None
