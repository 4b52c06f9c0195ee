"""Thresholds keep the promised false-alarm rate on fresh scores, and reach beyond the sample where they claim to."""

import itertools
import math
import re
import sys

import numpy as np
import pytest
from scipy import stats

from tsreward.detection.thresholds import THRESHOLDS, conformal_threshold, pot_threshold, quantile_threshold
from tsreward.errors import DataError, MissingExtraError, OptionError, ShapeError, pip_install

LAWS = {"exponential": stats.expon(), "normal": stats.norm(), "heavy tail": stats.t(3), "bounded": stats.uniform()}
of_laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
of_all = pytest.mark.parametrize("threshold", THRESHOLDS.values(), ids=THRESHOLDS)


@of_all
@of_laws
@pytest.mark.parametrize("rate", [0.1, 0.01, 0.002])
def test_the_rate_on_fresh_scores_is_the_one_asked_for(threshold, law, rate, seed):
    rng = np.random.default_rng(seed)
    rates = [law.sf(threshold(law.rvs(2_000, random_state=rng), rate)) for _ in range(25)]
    error = 4 * math.sqrt(rate * (1 - rate) / 2_000 / 25)  # four standard errors of the mean
    assert np.mean(rates) == pytest.approx(rate, abs=error + 1 / 2_000)


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.04])
@pytest.mark.parametrize("number", [25, 60, 100])
def test_conformal_never_promises_too_much_on_average(number, rate):
    # The expected rate above the k-th of n uniform scores is exactly 1 − k / (n + 1).
    rank = conformal_threshold(np.arange(1.0, number + 1), rate)
    assert 1 - rank / (number + 1) <= rate + 1e-12 < 1 - (rank - 1) / (number + 1)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.07, 0.01])
def test_conformal_is_the_smallest_score_beyond_which_the_p_value_is_at_most_the_rate(rate, seed):
    scores = np.random.default_rng(seed).integers(0, 150, 300) + 0.0  # with ties

    def p_value(score: float) -> float:
        return (1 + (scores >= score).sum()) / (len(scores) + 1)

    assert conformal_threshold(scores, rate) == min(s for s in scores if p_value(s + 0.5) <= rate + 1e-12)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.07, 0.01, 1e-6])
def test_quantile_is_the_smallest_score_that_at_most_the_rate_exceeds(rate, seed):
    scores = np.random.default_rng(seed).integers(0, 80, 100) + 0.0
    expected = min(s for s in scores if (scores > s).mean() <= rate + 1e-12)
    assert quantile_threshold(scores, rate) == expected


@pytest.mark.parametrize(("name", "factor"), [("exponential", 1.2), ("normal", 1.2), ("heavy tail", 3.0)])
def test_pot_reaches_beyond_the_sample_to_the_true_quantile(name, factor, seed):
    law, rng = LAWS[name], np.random.default_rng(seed)
    for rate in (1e-5, 1e-6):
        ratios = []
        for _ in range(15):
            scores = law.rvs(10_000, random_state=rng)
            ratios.append(pot_threshold(scores, rate) / law.isf(rate))
            assert quantile_threshold(scores, rate) == scores.max()
        assert 1 / factor < np.median(ratios) < factor
    assert pot_threshold(scores, 1e-6) > scores.max()


def test_pot_recovers_a_pareto_tail(seed):
    law = stats.genpareto(0.3, scale=2.0)  # above any level it is a generalised Pareto law again
    scores = law.rvs(50_000, random_state=np.random.default_rng(seed))
    for level in (0.9, 0.98):
        assert pot_threshold(scores, 1e-5, level) == pytest.approx(law.isf(1e-5), rel=0.35)


@of_all
@of_laws
def test_a_smaller_rate_never_lowers_the_threshold(threshold, law, seed):
    scores = np.round(law.rvs(3_000, random_state=np.random.default_rng(seed)), 2)
    values = [threshold(scores, rate) for rate in (0.5, 0.1, 0.03, 0.02, 0.019, 0.015, 0.01, 0.005, 0.001, 0.0004)]
    assert all(low <= high for low, high in itertools.pairwise(values))


@of_all
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_thresholds_follow_the_unit_of_the_scores(threshold, scale, seed):
    scores = np.random.default_rng(seed).exponential(size=2_000)
    assert threshold(scores * scale, 0.001) == pytest.approx(threshold(scores, 0.001) * scale, rel=1e-3)


@of_all
def test_scores_are_not_changed_and_their_order_does_not_matter(threshold, seed):
    scores = np.random.default_rng(seed).normal(size=1_000)
    kept = scores.copy()
    assert threshold(scores, 0.01) == threshold(np.sort(scores), 0.01) == threshold(scores.tolist(), 0.01)
    np.testing.assert_array_equal(scores, kept)


@of_all
@pytest.mark.parametrize("rate", [0, 1, -0.1, 5, math.nan])
def test_a_rate_lies_between_0_and_1(threshold, rate):
    with pytest.raises(OptionError, match="false-alarm rate lies between 0 and 1"):
        threshold(np.arange(100.0), rate)


@of_all
@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([], DataError, "got 0 with NaN, inf or none at all"),
        ([0.0, math.nan], DataError, "needs finite normal scores"),
        ([0.0, math.inf], DataError, "needs finite normal scores"),
        ([[0.0, 1.0]], ShapeError, r"expects normal scores \[N\], got \[1, 2\]"),
    ],
)
def test_what_are_no_scores_is_refused(threshold, scores, error, message):
    with pytest.raises(error, match=message):
        threshold(np.array(scores), 0.1)


def test_conformal_says_how_many_scores_it_needs():
    assert conformal_threshold(np.arange(99.0), 0.01) == 98
    with pytest.raises(DataError, match=r"rate 0.01 needs at least 99 normal scores, got 98.*the threshold pot"):
        conformal_threshold(np.arange(98.0), 0.01)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.arange(400.0), "above the quantile 0.98, got 8 of 400"),
        (np.zeros(1_000), "got 0 of 1000"),
        (np.repeat([0.0, 1.0], [990, 10]), "got 10 equal ones"),
    ],
)
def test_pot_needs_a_tail_to_fit(scores, message):
    with pytest.raises(DataError, match=message):
        pot_threshold(scores, 0.001)
    assert pot_threshold(scores, 0.05) == quantile_threshold(scores, 0.05)


def test_pot_refuses_an_infinite_threshold(seed):
    scores = np.exp(np.random.default_rng(seed).standard_cauchy(2_000).clip(-300, 300))
    with pytest.raises(DataError, match="choose a larger rate"):
        pot_threshold(scores, 1e-300)


@pytest.mark.parametrize("level", [0, 1, -1, math.nan])
def test_the_initial_level_lies_between_0_and_1(level):
    with pytest.raises(OptionError, match="initial level of POT"):
        pot_threshold(np.arange(1_000.0), 0.001, level)


def test_pot_without_scipy_says_how_to_install_it(monkeypatch, seed):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtraError, match=re.escape(pip_install("logs"))):
        pot_threshold(np.random.default_rng(seed).normal(size=1_000), 0.001)
