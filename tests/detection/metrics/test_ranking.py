"""The rank metrics are scikit-learn's, in a series and over videos, and say what they cannot measure."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.reliability.metrics import ranking_differs
from tsreward.detection.metrics import macro_auc, micro_auc
from tsreward.errors import DataError, ShapeError


def test_metrics_equal_scikit_learn_on_a_thousand_cases(seed):
    assert ranking_differs(seed, number=1_000) == 0


@pytest.fixture
def videos(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, 2, size) for size in (5, 40, 17)]
    return labels, [rng.random(len(truth)).round(2) for truth in labels]


def test_areas_over_videos_are_those_of_scikit_learn(videos: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
    labels, scores = videos
    assert micro_auc(labels, scores) == pytest.approx(roc_auc_score(np.concatenate(labels), np.concatenate(scores)))
    wanted = [roc_auc_score([0, 1, *truth], [0, 1, *score]) for truth, score in zip(labels, scores, strict=True)]
    assert macro_auc(labels, scores) == pytest.approx(np.mean(wanted))


def test_a_video_of_one_class_says_little(seed: int) -> None:
    noise = np.random.default_rng(seed).random(100)
    for label in (0, 1):
        assert macro_auc([np.full(100, label)], [noise]) == 1.0


def test_bad_videos() -> None:
    with pytest.raises(DataError, match=r"video 1 has scores from 0.5 to 1.5: map them to \[0, 1\]"):
        macro_auc([np.zeros(2), np.ones(2)], [np.zeros(2), np.array([0.5, 1.5])])
    with pytest.raises(DataError, match="got 1 and 2"):
        micro_auc([np.zeros(2)], [np.zeros(2), np.zeros(2)])
    with pytest.raises(DataError, match="got 0 and 0"):
        macro_auc([], [])
    with pytest.raises(ShapeError):
        macro_auc([np.zeros(3)], [np.zeros(2)])
