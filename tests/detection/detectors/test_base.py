"""What every detector promises, whatever is inside."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.base import DETECTORS, Detector
from tsreward.detection.detectors.composed import Ensemble, Smoothed
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.detection.metrics import roc_auc
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, NotFittedError, OptionError, ShapeError
from tsreward.scorers.base import SCORERS
from tsreward.training import TrainOptions

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
    assert detector.fit(task.train) is detector
    return request.param, detector


def test_scores_are_one_finite_number_per_row(fitted, task) -> None:
    _, detector = fitted
    scores = detector.decision_function(task.test)
    assert scores.shape == (len(task.test),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(detector.decision_function(task.test), scores)


def test_a_row_is_an_anomaly_where_its_score_passes_the_threshold(fitted, task) -> None:
    _, detector = fitted
    found = detector.predict(task.test)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, detector.decision_function(task.test) > detector.threshold_)


def test_the_threshold_is_that_of_scores_of_rows_it_was_not_fitted_on(task) -> None:
    detector = make_detector("mahalanobis", false_alarm_rate=0.02).fit(task.train)
    rows = len(task.train) * 3 // 4
    earlier = make_detector("mahalanobis").fit(task.train.rows(0, rows))
    held_out = earlier.decision_function(task.train)[rows:]
    np.testing.assert_array_equal(detector.held_out_scores_, held_out)
    for rule, threshold in THRESHOLDS.items():
        detector.threshold = rule
        assert detector.threshold_ == threshold(held_out, 0.02)
    detector.false_alarm_rate = 0.1
    assert detector.threshold_ == THRESHOLDS["pot"](held_out, 0.1)


def test_without_a_rate_there_is_one_fit_and_no_threshold(task) -> None:
    detector = make_detector("pca", false_alarm_rate=None).fit(task.train)
    assert not len(detector.held_out_scores_)
    with pytest.raises(NotFittedError, match="has no threshold, because it was fitted with false_alarm_rate=None"):
        detector.predict(task.test)


def test_too_few_rows_for_a_threshold_still_give_scores() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    detector = make_detector("pca").fit(rows)
    assert detector.decision_function(rows).shape == (60,)
    with pytest.raises(DataError, match="needs at least 99 normal scores, got 30"):
        detector.predict(rows)


@pytest.mark.parametrize("options", [{"false_alarm_rate": 0}, {"false_alarm_rate": "0.1"}, {"threshold": "conformall"}])
def test_a_threshold_that_cannot_be_is_refused(options) -> None:
    with pytest.raises(OptionError, match=r"must be a number in \(0, 1\) or None|did you mean 'conformal'"):
        make_detector("pca", **options)


def test_scores_that_are_no_numbers_are_refused_with_the_name_of_the_detector(task) -> None:
    class Bad(Detector):
        def __init__(self, scores: list[float]) -> None:
            self.given = scores

        def learn(self, series) -> None:
            pass

        def measure(self, series) -> np.ndarray:
            return np.resize(self.given, len(series))

    with pytest.raises(DataError, match=r"Bad gave nan for row 1 of 'series', and 2 scores like it in all"):
        Bad([0.0, np.nan]).fit(np.zeros((4, 1)))
    Bad.measure = lambda self, series: np.zeros(3)
    with pytest.raises(ShapeError, match=r"Bad gave scores \[3\] for the 4 rows"):
        Bad([0.0]).fit(np.zeros((4, 1)))


def test_arguments_are_read_and_set_as_in_scikit_learn(task) -> None:
    detector = Smoothed(WindowDetector(SCORERS["pca"], 2), width=3)
    assert detector.get_params()["detector__window"] == 2
    assert detector.set_params(detector__window=4, width=5) is detector
    assert detector.get_params(deep=False) == {
        "detector": detector.detector,
        "width": 5,
        "side": "causal",
        "false_alarm_rate": 0.01,
        "threshold": "conformal",
    }
    copied = clone(detector)
    assert repr(copied) == repr(detector)
    scores = [one.fit(task.train).decision_function(task.test) for one in (copied, detector)]
    np.testing.assert_array_equal(*scores)
    with pytest.raises(OptionError, match="Unknown argument of Smoothed 'widht': did you mean 'width'"):
        detector.set_params(widht=3)
    with pytest.raises(OptionError, match="width must be 1 to 65536 rows, or several such numbers, got 0"):
        detector.set_params(width=0)


def test_a_repr_is_code_without_what_is_by_default() -> None:
    made = make_detector("ensemble", seed=2, alignment="centred", false_alarm_rate=0.05)
    text = repr(made)
    assert text.startswith("Smoothed(\n    Ensemble(")
    assert "WindowDetector(KNN, window=1, train=TrainOptions(" in " ".join(text.split()).replace("( ", "(")
    names = {cls.__name__: cls for cls in (Smoothed, Ensemble, WindowDetector, TrainOptions)}
    names |= {cls.__name__: cls for scorer in SCORERS.values() for cls in (scorer, scorer.Options)}
    assert repr(eval(text, names)) == text
    assert (
        repr(make_detector("isolation_forest", seed=1, smoothing=10))
        == "Smoothed(SklearnDetector(IsolationForest(random_state=1)))"
    )


def test_anomalies_score_higher(fitted, task) -> None:
    name, detector = fitted
    auc = roc_auc(task.test.labels, detector.decision_function(task.test))
    if name not in WEAK:
        assert auc > FLOOR.get(name, 0.7)


def test_the_seed_decides(fitted, task) -> None:
    name, detector = fitted
    again = make_detector(name, seed=1, false_alarm_rate=None)
    again.fit(task.train)
    np.testing.assert_array_equal(again.decision_function(task.test), detector.decision_function(task.test))


def test_causal_scores_do_not_see_later_rows(fitted, task) -> None:
    _, detector = fitted
    later = task.test.values.copy()
    later[300:] += 0.5
    changed = np.flatnonzero(detector.decision_function(later) != detector.decision_function(task.test))
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
    assert np.flatnonzero(detector.decision_function(later) != detector.decision_function(task.test))[0] == 295


@pytest.mark.parametrize("name", CLOSED)
def test_labels_are_not_looked_at(name, task) -> None:
    scores = []
    for labels in (None, task.test.labels, ~task.test.labels):
        detector = make_detector(name)
        detector.fit(type(task.test)(task.test.values, labels))
        scores.append(detector.decision_function(type(task.test)(task.test.values, labels)))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


def test_data_frames_keep_their_index(task) -> None:
    index = pd.date_range("2024-01-01", periods=len(task.test), freq="min")
    frame = pd.DataFrame(task.test.values, index=index, columns=[f"c{i}" for i in range(6)])
    detector = make_detector("pca")
    detector.fit(frame[:600])
    scores = detector.decision_function(frame)
    assert isinstance(scores, pd.Series)
    assert scores.index.equals(index)
    np.testing.assert_array_equal(scores.to_numpy(), detector.decision_function(task.test.values))
    assert detector.predict(frame).index.equals(index)


def test_unfitted_use_is_refused(task) -> None:
    with pytest.raises(NotFittedError, match=r"Smoothed is not fitted: call fit\(X\) first"):
        make_detector("pca").decision_function(task.test)


def test_another_width_is_refused(task) -> None:
    detector = make_detector("pca")
    detector.fit(task.train)
    with pytest.raises(ShapeError, match="was fitted on 6 columns, but 'series' has 2"):
        detector.decision_function(np.zeros((50, 2)))


def test_a_failed_fit_leaves_it_unfitted(task) -> None:
    detector = make_detector("ridge_var")
    detector.fit(task.train)
    with pytest.raises(DataError, match=r"has 2 rows to fit on, a window 11.*The last 1 of 3 rows are held out"):
        detector.fit(task.train.values[:3])
    with pytest.raises(NotFittedError):
        detector.decision_function(task.test)


def test_few_rows_can_be_scored(fitted, task) -> None:
    name, detector = fitted
    if name == "pca_whole_series":
        pytest.skip("learns from the rows that it scores")
    scores = detector.decision_function(task.test.values[:3])
    assert scores.shape == (3,)
    if detector.causal and name != "random":
        np.testing.assert_allclose(scores, detector.decision_function(task.test)[:3], rtol=1e-4)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean 'ridge_var'"):
        make_detector("ridge-var")
    with pytest.raises(OptionError, match="Unknown PyOD detector 'HBOZ'"):
        make_detector("pyod:HBOZ")
    with pytest.raises(OptionError, match=r"Smoothed.width must be 1 to 65536 rows"):
        make_detector("pca", smoothing=0)
