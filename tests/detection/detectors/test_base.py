"""What every detector promises, whatever is inside."""

import numpy as np
import pandas as pd
import pytest

from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.presets import DETECTORS, make_detector
from tsreward.detection.metrics import roc_auc
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError

NAMES = [*DETECTORS, "pyod:HBOS"]
# They look at rows alone and at how large they are; half of the planted anomalies are small and break relations.
FLOOR = {"z_norm": 0.6, "isolation_forest": 0.55, "pyod:HBOS": 0.6}
WEAK = ("random", "pca_weighted", "pca_whole_series")
CLOSED = ("z_norm", "pca", "mahalanobis", "ridge_var")


@pytest.fixture(scope="module")
def task():
    return smd_like(seed=0, count=1, steps=1200, dim=6)[0]


@pytest.fixture(scope="module", params=NAMES)
def fitted(request, task):
    detector = make_detector(request.param, seed=1)
    detector.fit(task.train)
    return request.param, detector


def test_scores_are_one_finite_number_per_row(fitted, task) -> None:
    _, detector = fitted
    scores = detector.score(task.test)
    assert scores.shape == (len(task.test),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(detector.score(task.test), scores)


def test_anomalies_score_higher(fitted, task) -> None:
    name, detector = fitted
    auc = roc_auc(task.test.labels, detector.score(task.test))
    if name not in WEAK:
        assert auc > FLOOR.get(name, 0.7)


def test_the_seed_decides(fitted, task) -> None:
    name, detector = fitted
    again = make_detector(name, seed=1)
    again.fit(task.train)
    np.testing.assert_array_equal(again.score(task.test), detector.score(task.test))


def test_causal_scores_do_not_see_later_rows(fitted, task) -> None:
    _, detector = fitted
    later = task.test.values.copy()
    later[300:] += 0.5
    changed = np.flatnonzero(detector.score(later) != detector.score(task.test))
    if detector.causal:
        assert not len(changed) or changed[0] >= 300
    else:
        assert changed[0] < 300


@pytest.mark.parametrize("name", CLOSED)
def test_centred_scores_see_a_few_later_rows(name, task) -> None:
    detector = make_detector(name, alignment="centred", smoothing=10)
    detector.fit(task.train)
    later = task.test.values.copy()
    later[300:] += 0.5
    assert not detector.causal
    assert np.flatnonzero(detector.score(later) != detector.score(task.test))[0] == 295


@pytest.mark.parametrize("name", CLOSED)
def test_labels_are_not_looked_at(name, task) -> None:
    scores = []
    for labels in (None, task.test.labels, ~task.test.labels):
        detector = make_detector(name)
        detector.fit(type(task.test)(task.test.values, labels))
        scores.append(detector.score(type(task.test)(task.test.values, labels)))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


def test_data_frames_keep_their_index(task) -> None:
    index = pd.date_range("2024-01-01", periods=len(task.test), freq="min")
    frame = pd.DataFrame(task.test.values, index=index, columns=[f"c{i}" for i in range(6)])
    detector = make_detector("pca")
    detector.fit(frame[:600])
    scores = detector.score(frame)
    assert isinstance(scores, pd.Series)
    assert scores.index.equals(index)
    np.testing.assert_array_equal(scores.to_numpy(), detector.score(task.test.values))


def test_unfitted_use_is_refused(task) -> None:
    with pytest.raises(NotFittedError, match=r"Smoothed is not fitted: call fit\(series\) first"):
        make_detector("pca").score(task.test)


def test_another_width_is_refused(task) -> None:
    detector = make_detector("pca")
    detector.fit(task.train)
    with pytest.raises(ShapeError, match="was fitted on 6 columns, but 'series' has 2"):
        detector.score(np.zeros((50, 2)))


def test_a_failed_fit_leaves_it_unfitted(task) -> None:
    detector = make_detector("ridge_var")
    detector.fit(task.train)
    with pytest.raises(DataError, match="has 3 rows to learn from, a window 11"):
        detector.fit(task.train.values[:3])
    with pytest.raises(NotFittedError):
        detector.score(task.test)


def test_few_rows_can_be_scored(fitted, task) -> None:
    name, detector = fitted
    if name == "pca_whole_series":
        pytest.skip("learns from the rows that it scores")
    scores = detector.score(task.test.values[:3])
    assert scores.shape == (3,)
    if detector.causal and name != "random":
        np.testing.assert_allclose(scores, detector.score(task.test)[:3], rtol=1e-4)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean 'ridge_var'"):
        make_detector("ridge-var")
    with pytest.raises(OptionError, match="Unknown PyOD detector 'HBOZ'"):
        make_detector("pyod:HBOZ")
    with pytest.raises(OptionError, match=r"Smoothed\.width must be at least 1"):
        make_detector("pca", smoothing=0)
