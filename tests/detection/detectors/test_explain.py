"""Every detector says which column is to blame, for a part of the rows as for all of them."""

import numpy as np
import pytest

from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.base import DETECTORS, Detector
from tsreward.detection.detectors.composed import Ensemble, Smoothed
from tsreward.detection.detectors.presets import make_detector, scorer_detector
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.errors import NotFittedError, OptionError, ShapeError
from tsreward.scorers.pca import PCA
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.sequences.series import Series

BLIND = ("random", "untrained", "dqn", "pca", "pca_whole_series", "deep_svdd", "isolation_forest", "pca_weighted")
"""Need not blame the column with a planted jump first: a residual of PCA, e.g., spreads over related columns."""


@pytest.fixture(scope="module")
def series() -> tuple[Series, Series]:
    task = smd_like(seed=0, count=1, steps=1200, dim=6)[0]
    values = task.train.values[600:].copy()
    values[300:340, 4] += 4 * np.ptp(task.train.values[:, 4])
    return task.train.rows(0, 600), Series(values)


@pytest.mark.parametrize("name", [*DETECTORS, "pyod:HBOS"])
def test_every_detector_explains(name: str, series: tuple[Series, Series]) -> None:
    train, test = series
    detector = make_detector(name, smoothing=10, false_alarm_rate=None).fit(train)
    found = detector.explain(test, 300, 325)
    assert found.shape == (25, 6) and found.dtype == np.float64 and np.isfinite(found).all()
    if name not in BLIND:
        assert found.mean(0).argmax() == 4


@pytest.mark.parametrize("place", ["last", "centre", "covering"])
@pytest.mark.parametrize("side", ["causal", "centred"])
def test_a_part_is_explained_as_in_the_whole(place: str, side: str, series: tuple[Series, Series]) -> None:
    inner = WindowDetector(RidgeVAR, 5, place=place)  # type: ignore[arg-type]
    detector = Smoothed(Ensemble([inner, WindowDetector(PCA, 2)]), 6, side, false_alarm_rate=None)  # type: ignore[arg-type]
    detector.fit(series[0])
    whole = detector.explain(series[1])
    np.testing.assert_allclose(detector.explain(series[1], 200, 260), whole[200:260], rtol=1e-4, atol=1e-9)


def test_several_widths_share_the_blame(series: tuple[Series, Series]) -> None:
    for side in ("causal", "centred"):
        detector = make_detector("mahalanobis", alignment=side, false_alarm_rate=None).fit(series[0])  # type: ignore[arg-type]
        whole = detector.explain(series[1])
        np.testing.assert_allclose(whole.sum(1), detector.decision_function(series[1]), rtol=1e-6)
        np.testing.assert_allclose(detector.explain(series[1], 200, 330), whole[200:330], rtol=1e-4, atol=1e-9)
        assert whole[300:340].mean(0).argmax() == 4


@pytest.mark.parametrize("name", ["mahalanobis", "mahalanobis_window", "pca", "ridge_var", "knn", "lstm_vae"])
def test_the_parts_sum_to_the_score(name: str, series: tuple[Series, Series]) -> None:
    detector = Smoothed(scorer_detector(name, 0) if name != "mahalanobis_window" else DETECTORS[name](0), 4)
    detector.set_params(false_alarm_rate=None).fit(series[0])
    scores = detector.decision_function(series[1])
    np.testing.assert_allclose(detector.explain(series[1]).sum(1), scores, rtol=2e-3, atol=1e-6)


def test_nothing_is_explained_across_a_gap(series: tuple[Series, Series]) -> None:
    starts = np.arange(600) == 320
    detector = make_detector("ridge_var", false_alarm_rate=None).fit(series[0])
    gap = detector.explain(Series(series[1].values, starts=starts))
    apart = [detector.explain(series[1].rows(*part)) for part in ((0, 320), (320, 600))]
    np.testing.assert_allclose(gap, np.concatenate(apart), rtol=1e-4)


def test_a_detector_of_ones_own_is_explained_by_substitution() -> None:
    class Largest(Detector):
        def learn(self, series: Series) -> None:
            pass

        def measure(self, series: Series) -> np.ndarray:
            return np.abs(series.values).max(1)

    detector = Largest(false_alarm_rate=None).fit(np.zeros((20, 2)))
    assert detector.explain(np.array([[1.0, 3.0], [5.0, 0.0]])).tolist() == [[0.0, 2.0], [5.0, 0.0]]


def test_what_cannot_be_explained_is_refused() -> None:
    detector = make_detector("pca", false_alarm_rate=None)
    with pytest.raises(NotFittedError, match="call fit"):
        detector.explain(np.zeros((3, 2)))
    detector.fit(np.random.default_rng(0).normal(size=(50, 2)))
    with pytest.raises(ShapeError, match="was fitted on 2 columns"):
        detector.explain(np.zeros((3, 3)))
    with pytest.raises(OptionError, match="got 3 to 3"):
        detector.explain(np.zeros((3, 2)), start=3)
