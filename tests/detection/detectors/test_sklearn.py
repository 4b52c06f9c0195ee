"""Outlier detectors of other packages."""

import sys

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from tsreward.detection.detectors.composed import Ensemble, Smoothed
from tsreward.detection.detectors.sklearn import SklearnDetector, isolation_forest, pyod_detector
from tsreward.errors import DataError, MissingExtraError, OptionError

ROWS = np.random.default_rng(0).normal(size=(300, 2))
OUTLIER = np.concatenate([ROWS[:20], [[8.0, -8.0]]])


@pytest.mark.parametrize("name", ["HBOS", "ECOD", "COPOD", "LODA", "PCA", "KNN", "OCSVM"])
def test_pyod_detectors_score_an_outlier_highest(name: str) -> None:
    detector = pyod_detector(name)
    detector.fit(ROWS)
    assert detector.decision_function(OUTLIER).argmax() == 20


@pytest.mark.parametrize("model", [IsolationForest(random_state=0), LocalOutlierFactor(novelty=True)])
def test_scikit_learn_detectors_have_their_sign_turned(model) -> None:
    detector = SklearnDetector(model)
    detector.fit(ROWS)
    assert detector.decision_function(OUTLIER).argmax() == 20
    rows = (OUTLIER - ROWS.mean(0)) / ROWS.std(0)
    np.testing.assert_allclose(detector.decision_function(OUTLIER), -detector.model_.score_samples(rows))


def test_windows_hold_the_rows_before_oldest_first() -> None:
    class Rows:
        def fit(self, rows):
            pass

        def decision_function(self, rows):
            return rows @ [1.0, 10.0, 100.0]

    detector = SklearnDetector(Rows(), window=3)
    values = np.array([[0.0], [1.0], [2.0], [3.0]])
    detector.fit(values)
    z = (values[:, 0] - 1.5) / values.std()
    np.testing.assert_allclose(
        detector.decision_function(values),
        [111 * z[0], 11 * z[0] + 100 * z[1], z[0] + 10 * z[1] + 100 * z[2], z[1:] @ [1, 10, 100]],
    )


def test_what_is_no_outlier_detector_is_refused() -> None:
    for model in ({}, IsolationForest):
        with pytest.raises(OptionError, match=r"expects an outlier detector .* SklearnDetector\(IsolationForest\(\)\)"):
            SklearnDetector(model)
    with pytest.raises(OptionError, match="window must be 1 to 65536 rows, got 0"):
        SklearnDetector(IsolationForest(), window=0)


@pytest.mark.parametrize(
    ("module", "make"),
    [("sklearn.ensemble", isolation_forest), ("pyod.models.hbos", lambda: pyod_detector("HBOS"))],
)
def test_missing_packages_are_named(module: str, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match="pip install"):
        make()


class Steady:
    """Distance to the mean of what was learned."""

    def fit(self, rows):
        self.mean = rows.mean(0)

    def decision_function(self, rows):
        return np.abs(rows - self.mean).sum(1)


class Batch(Steady):
    """In units of the largest distance among the rows that are scored."""

    def decision_function(self, rows):
        return super().decision_function(rows) / super().decision_function(rows).max()


class Learning(Steady):
    """Goes on learning from what it scores."""

    def decision_function(self, rows):
        scores = super().decision_function(rows)
        self.mean = self.mean + 0.5 * (rows.mean(0) - self.mean)
        return scores


class Undefined(Steady):
    """Has no score for one row."""

    def decision_function(self, rows):
        return np.where(np.arange(len(rows)) == 3, np.nan, super().decision_function(rows))


@pytest.mark.parametrize(
    ("model", "causal"),
    [
        (Steady(), True),
        (IsolationForest(n_estimators=10, random_state=0), True),
        (Batch(), False),
        (Learning(), False),
        ("HBOS", True),
        ("KNN", True),
        ("ECOD", False),
        ("COPOD", False),
    ],
)
def test_whether_a_foreign_detector_looks_ahead_is_measured(model, causal: bool) -> None:
    detector = pyod_detector(model) if isinstance(model, str) else SklearnDetector(model)
    assert detector.causal is False  # nobody knows yet
    before = detector.fit(ROWS).decision_function(OUTLIER)
    for outer in (detector, Smoothed(detector).fit(ROWS), Ensemble([detector], false_alarm_rate=None)):
        assert outer.causal is causal
    assert Smoothed(detector, side="centred").causal is False
    if not isinstance(model, Learning):
        np.testing.assert_array_equal(detector.decision_function(OUTLIER), before)


def test_the_causality_of_another_fit_is_measured_again() -> None:
    detector = SklearnDetector(Batch()).fit(ROWS)
    assert not detector.causal
    assert detector.set_params(model=Steady()).fit(ROWS).causal


@pytest.mark.parametrize("rate", [None, 0.05])
def test_scores_that_are_no_numbers_name_the_detector(rate) -> None:
    with pytest.raises(DataError, match=r"SklearnDetector\(Undefined\) gave nan for row 3 of 'series'"):
        SklearnDetector(Undefined(), false_alarm_rate=rate).fit(ROWS).decision_function(ROWS)
    with pytest.raises(DataError, match=r"SklearnDetector\(Undefined\) gave nan for row 3"):
        Smoothed(SklearnDetector(Undefined()), false_alarm_rate=rate).fit(ROWS).decision_function(ROWS)
