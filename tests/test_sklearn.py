"""The estimator of scikit-learn: its own checks, and the same numbers as the detector in it."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.detectors.sklearn import SklearnDetector
from tsreward.errors import OptionError, pip_install
from tsreward.sklearn import EXPECTED_FAILED_CHECKS, AnomalyDetector

ESTIMATORS = [
    AnomalyDetector("mahalanobis_window", false_alarm_rate=0.2),  # the longest window of the default's members
    AnomalyDetector("pca"),
    AnomalyDetector("mahalanobis", smoothing=1, threshold="conformal", false_alarm_rate=0.2),
    AnomalyDetector(SklearnDetector(IsolationForest(n_estimators=5, random_state=0)), false_alarm_rate=0.05),
]


def expected(estimator: AnomalyDetector) -> dict[str, str]:
    if estimator.detector == "mahalanobis_window":
        return EXPECTED_FAILED_CHECKS
    smoothed = {name: why for name, why in EXPECTED_FAILED_CHECKS.items() if "invariance" in name}
    return smoothed if estimator.detector == "pca" else {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_checks_of_scikit_learn(estimator, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def task():
    return smd_like(seed=0, count=1, steps=1200, dim=4)[0]


@pytest.mark.parametrize("name", ["ridge_var", "deep_svdd"])
def test_it_is_the_detector_with_the_other_sign(name, task) -> None:
    estimator = AnomalyDetector(name, false_alarm_rate=0.02, threshold="conformal", random_state=3)
    detector = make_detector(name, seed=3, false_alarm_rate=0.02).fit(task.train)
    estimator.fit(task.train.values)
    scores = detector.decision_function(task.test)
    np.testing.assert_array_equal(estimator.score_samples(task.test.values), -scores)
    np.testing.assert_array_equal(estimator.decision_function(task.test.values), detector.threshold_ - scores)
    np.testing.assert_array_equal(estimator.predict(task.test.values) == -1, detector.predict(task.test) == 1)
    assert estimator.offset_ == -detector.threshold_


def test_a_detector_that_is_given_is_not_changed(task) -> None:
    given = make_detector("pca")
    estimator = AnomalyDetector(given, false_alarm_rate=0.1).fit(task.train.values)
    assert given.n_features_in_ is None
    assert given.false_alarm_rate == 0.01
    assert estimator.detector_.false_alarm_rate == 0.1


def test_pipelines_and_searches_take_it(task) -> None:
    pipeline = make_pipeline(StandardScaler(), AnomalyDetector("pca", random_state=0))
    search = GridSearchCV(
        clone(pipeline),
        {"anomalydetector__smoothing": [1, 8]},
        scoring=lambda fitted, rows, labels: np.ptp(fitted.score_samples(rows)),
        cv=2,
    )
    search.fit(task.test.values, task.test.labels.astype(int))
    assert search.best_params_["anomalydetector__smoothing"] in (1, 8)
    pipeline.set_params(anomalydetector__false_alarm_rate=0.5).fit(task.train.values)
    assert set(pipeline.predict(task.test.values)) == {-1, 1}


def test_arguments_are_checked_at_the_fit(task) -> None:
    for wrong, message in (
        ({"detector": "pcaa"}, "did you mean 'pca'"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate must be a number"),
        ({"threshold": "best"}, "Unknown threshold 'best'"),
    ):
        with pytest.raises(OptionError, match=message):
            AnomalyDetector(**{"detector": "pca"} | wrong).fit(task.train.values)


def test_without_scikit_learn_the_install_command_is_told() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import tsreward.sklearn"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = f"MissingExtraError: scikit-learn is not installed. Install it with: {pip_install('logs')}"
    assert told in run.stderr
