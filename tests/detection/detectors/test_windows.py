"""Window scorers laid over a series."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from tsreward.detection.datasets.smd import load_smd
from tsreward.detection.detectors.presets import DETECTORS
from tsreward.detection.detectors.windows import WindowDetector, place_scores
from tsreward.detection.metrics import vus_pr, vus_window
from tsreward.errors import OptionError
from tsreward.functional.windows import sliding_windows
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.training import TrainOptions

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS = np.random.default_rng(0).normal(size=(2500, 3)).cumsum(0)
SCORES = np.random.default_rng(0).gamma(1.0, size=57)


def test_every_row_has_the_score_of_the_window_that_ends_there() -> None:
    detector = WindowDetector(RidgeVAR, window=4)
    detector.fit(ROWS)
    windows = sliding_windows(torch.from_numpy(ROWS.astype(np.float32)), 4)
    np.testing.assert_allclose(detector.decision_function(ROWS), detector.scorer_(windows).numpy(), rtol=1e-4)


def test_covering_and_centre_move_the_scores() -> None:
    scores = {}
    for place in ("last", "centre", "covering"):
        detector = WindowDetector(Mahalanobis, window=5, place=place)
        detector.fit(ROWS)
        scores[place] = detector.decision_function(ROWS)
    np.testing.assert_array_equal(scores["centre"][:-2], scores["last"][2:])
    np.testing.assert_allclose(scores["covering"][10], scores["last"][10:15].mean())


def test_an_untrained_network_keeps_its_first_weights() -> None:
    train = TrainOptions(epochs=2, windows_per_epoch=300)
    nets = [WindowDetector(DeepSVDD, 3, train=train, trained=trained) for trained in (True, False)]
    for detector in nets:
        detector.fit(ROWS)
    fresh = DeepSVDD(3)
    fresh.materialise(ROWS.shape[1])
    fresh_weights, untrained, trained = (
        next(scorer.parameters()) for scorer in (fresh, nets[1].scorer_, nets[0].scorer_)
    )
    assert torch.equal(untrained, fresh_weights)
    assert not torch.equal(trained, fresh_weights)


def test_too_short_a_window_is_refused() -> None:
    with pytest.raises(OptionError, match="RidgeVAR needs a window of at least 2 rows, got 1"):
        WindowDetector(RidgeVAR, window=1)


@pytest.mark.skipif(not SHARED.exists(), reason="needs the Server Machine Dataset in ../shared/data")
def test_pca_gives_the_published_values() -> None:
    with (SHARED / "tsb-ad" / "vus_pr_smd.csv").open() as file:
        published = {row["machine"]: float(row["PCA"]) for row in csv.DictReader(file)}
    tasks = load_smd(SHARED / "smd")
    assert {task.name for task in tasks} == set(published)
    for task in tasks:
        detector = DETECTORS["pca_whole_series"](0)
        detector.fit(task.test)
        value = vus_pr(task.test.labels, detector.decision_function(task.test), vus_window(task.test))
        assert value == pytest.approx(published[task.name], abs=0.001), task.name


def covering(scores, window):
    rows = len(scores)
    return [np.mean([scores[min(row + ahead, rows - 1)] for ahead in range(window)]) for row in range(rows)]


def test_the_last_row_keeps_the_score() -> None:
    assert place_scores(SCORES, 5, "last") is SCORES


@pytest.mark.parametrize("window", [1, 2, 5, 10, 80])
def test_the_centre_is_half_a_window_back(window: int) -> None:
    expected = [SCORES[min(row + window // 2, len(SCORES) - 1)] for row in range(len(SCORES))]
    np.testing.assert_array_equal(place_scores(SCORES, window, "centre"), expected)


@pytest.mark.parametrize("window", [1, 2, 5, 10, 80])
def test_covering_averages_all_windows_with_the_row(window: int) -> None:
    np.testing.assert_allclose(place_scores(SCORES, window, "covering"), covering(SCORES, window))
