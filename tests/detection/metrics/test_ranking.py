"""The rank metrics are scikit-learn's, in a series and over videos, and say what they cannot measure."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tsreward.detection.metrics import average_precision, macro_auc, micro_auc, roc_auc
from tsreward.errors import DataError, ShapeError


def test_metrics_equal_scikit_learn_on_a_thousand_cases(seed):
    rng = np.random.default_rng(seed)
    for case in range(1_000):
        size = int(rng.integers(2, 200))
        labels = rng.random(size) < rng.uniform(0.02, 0.98)
        labels[:2] = (True, False)
        rng.shuffle(labels)
        scores = rng.normal(size=size) + labels * rng.normal()
        if case % 2:
            scores = np.round(scores, int(rng.integers(0, 3)))  # ties, down to a handful of values
        if case % 10 == 0:
            scores = np.full(size, 3.25)
        assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


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
