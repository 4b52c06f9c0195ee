"""Outlier detectors of other packages."""

import sys

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from tsreward.detection.detectors.sklearn import SklearnDetector, isolation_forest, pyod_detector
from tsreward.errors import MissingExtraError, OptionError

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
