"""Detectors that are made of others: the geometric mean, and averages against loops that say the same slowly."""

import numpy as np
import pytest

from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.composed import Ensemble, FitOnTest, Smoothed, moving_average
from tsreward.detection.detectors.presets import RandomScores
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.errors import DataError, OptionError
from tsreward.scorers.pca import PCA
from tsreward.sequences.series import Series, as_series

ROWS = np.random.default_rng(0).gamma(2.0, size=(200, 1))


class Scaled(Detector):
    """The first column, times a factor, to a power."""

    def __init__(self, factor: float, power: float = 1.0) -> None:
        self.factor, self.power = factor, power

    def learn(self, series) -> None:
        pass

    def measure(self, series) -> np.ndarray:
        return self.factor * series.values[:, 0] ** self.power


def fitted(*members: Detector) -> Ensemble:
    ensemble = Ensemble(members)
    ensemble.fit(ROWS)
    return ensemble


def test_a_members_scale_is_only_a_scale() -> None:
    one, other = fitted(Scaled(1), Scaled(1, 2)), fitted(Scaled(1e6), Scaled(1e-3, 2))
    ratio = one.decision_function(ROWS) / other.decision_function(ROWS)
    np.testing.assert_allclose(ratio, ratio[0])


def test_it_is_the_geometric_mean() -> None:
    values = ROWS[:, 0]
    floors = np.quantile(values, 0.01), np.quantile(values**2, 0.01)
    expected = np.sqrt((values + floors[0]) * (values**2 + floors[1]))
    np.testing.assert_allclose(fitted(Scaled(1), Scaled(1, 2)).decision_function(ROWS), expected)


def test_a_score_that_is_no_number_is_refused_with_the_name_of_its_detector() -> None:
    ensemble = fitted(Scaled(1, 0.5), Scaled(1))
    with np.errstate(invalid="ignore"), pytest.raises(DataError, match=r"Scaled gave nan for row 0 of 'series'"):
        ensemble.decision_function(-ROWS)


def test_negative_scores_are_refused() -> None:
    with pytest.raises(OptionError, match="Scaled gives negative scores"):
        fitted(Scaled(-1))
    with pytest.raises(OptionError, match="at least one detector"):
        Ensemble([])


SCORES = np.random.default_rng(0).gamma(1.0, size=57)


def around(scores, width, ahead):
    rows = range(len(scores))
    return [np.mean(scores[max(0, row + ahead - width + 1) : row + ahead + 1]) for row in rows]


@pytest.mark.parametrize("width", [1, 2, 3, 10, 11, 80])
def test_moving_averages(width: int) -> None:
    np.testing.assert_allclose(moving_average(SCORES, width, "causal"), around(SCORES, width, 0))
    np.testing.assert_allclose(moving_average(SCORES, width, "centred"), around(SCORES, width, width // 2))


def test_a_huge_score_leaves_no_rounding_behind() -> None:
    scores = np.array([1e-3] * 50 + [1e18] + [1e-3] * 50)
    np.testing.assert_allclose(moving_average(scores, 10, "causal")[60:], 1e-3)


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(OptionError, match="Smoothed is made of detectors, got str"):
        Smoothed("pca")
    with pytest.raises(OptionError, match=r"Smoothed.side must be 'causal' or 'centred', got 'both'"):
        Smoothed(RandomScores(), side="both")


def test_fit_on_test_learns_from_every_series_anew() -> None:
    class Mean(Scaled):
        def learn(self, series) -> None:
            self.factor = series.values.mean()

    detector = FitOnTest(Mean(0)).fit(ROWS)
    np.testing.assert_allclose(detector.decision_function(3 * ROWS), (3 * ROWS).mean() * 3 * ROWS[:, 0])


def test_several_widths_are_one_by_their_geometric_mean() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2))
    inner, widths = WindowDetector(PCA, 1), (1, 4, 16)
    detector = Smoothed(inner, widths).fit(rows)
    raw, fitted = detector.detector.scores(as_series(rows[:50])), detector.detector.scores(as_series(rows))
    expected = np.ones(50)
    for width in widths:
        least = np.quantile(moving_average(fitted, width, "causal"), 0.01)
        expected *= (moving_average(raw, width, "causal") + least) ** (1 / 3)
    np.testing.assert_allclose(detector.decision_function(rows[:50]), expected, rtol=1e-9)
    assert detector.causal and not Smoothed(inner, widths, "centred").causal


def test_scores_below_zero_are_averaged_over_several_widths_too() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2))
    detector = Smoothed(Below(), (1, 8)).fit(rows)
    found = detector.decision_function(np.concatenate([rows, np.full((30, 2), 9.0)]))
    assert np.isfinite(found).all() and found[-20:].min() > found[:300].max()


class Below(Detector):
    """The sum of the columns less 5."""

    def learn(self, series: Series) -> None:
        """Do nothing."""

    def measure(self, series: Series) -> np.ndarray:
        return series.values.sum(1).astype(float) - 5
