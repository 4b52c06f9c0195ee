"""Parts of a score sum to it under all options, and substitution blames what broke."""

import pytest
import torch

from tsreward.errors import NotFittedError, ShapeError
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.forecaster import Forecaster, ForecasterOptions
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.ridge_var import RidgeVAR, RidgeVAROptions
from tsreward.scorers.video_likelihood import VideoLikelihood, VideoLikelihoodOptions
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

SUMS = [
    Mahalanobis(3, MahalanobisOptions(covariance="diagonal")),
    Mahalanobis(3, MahalanobisOptions(steps="window")),
    PCA(3, PCAOptions(steps="window")),
    PCA(3, PCAOptions(score="weighted")),
    PCA(3, PCAOptions(score="weighted", components=None, steps="window")),
    KNN(3, KNNOptions(distance="kth", steps="window")),
    KNN(3),
    RidgeVAR(3, RidgeVAROptions(scale_residuals=True)),
    Forecaster(3, ForecasterOptions(network="mlp", loss="mse")),
    Forecaster(3, ForecasterOptions(loss="nll")),
    LSTMVAE(3, LSTMVAEOptions(error="last", norm="l2", decoder="mlp")),
    LSTMVAE(3, LSTMVAEOptions(distance="mahalanobis")),
    VideoLikelihood(3, VideoLikelihoodOptions(score="joint")),
]


def windows(seed: int = 0) -> WindowSet:
    rows = torch.randn(400, 4, generator=torch.Generator().manual_seed(seed))
    rows[:, 1] += rows[:, 0]
    return WindowSet.from_episodes(list(rows.split(100)), 3)


def fitted(scorer: Scorer) -> Scorer:
    return scorer.fit(windows(), options=TrainOptions(epochs=2, windows_per_epoch=128))


@pytest.mark.parametrize("scorer", SUMS, ids=lambda scorer: f"{type(scorer).__name__}-{scorer.options.changed()}")
def test_the_parts_of_a_score_sum_to_it(scorer: Scorer) -> None:
    rows = windows(1).gather(torch.arange(40))
    found = fitted(scorer).explain(rows)
    assert found.shape == (40, 4) and found.dtype == torch.float32
    torch.testing.assert_close(found.sum(1), scorer(rows), rtol=1e-3, atol=1e-4)


def test_parts_of_a_mahalanobis_distance_know_of_relations() -> None:
    scorer = fitted(Mahalanobis(3))
    broken = torch.zeros(1, 3, 4)
    broken[0, -1, 1] = 3.0  # as large as it often is, but column 0 does not go with it
    parts = scorer.explain(broken)[0]
    assert parts[:2].sum() > 0.99 * parts.sum() and parts[1] > 0 and parts[0] > 0


def test_what_is_no_sum_is_explained_by_substitution() -> None:
    scorer = fitted(DeepSVDD(3))
    rows = windows(1).gather(torch.arange(40))
    assert scorer.parts(scorer.standardise(rows)) is None
    found = scorer.explain(rows)
    without = rows.clone()
    without[:, :, 2] = scorer.mean[2].float()
    torch.testing.assert_close(found[:, 2], scorer(rows) - scorer(without))


def test_it_changes_nothing_and_refuses_what_forward_refuses() -> None:
    with pytest.raises(NotFittedError, match="is not fitted"):
        KNN(3).explain(torch.zeros(1, 3, 4))
    scorer, rows = fitted(KNN(3)), windows(1).gather(torch.arange(5))
    before = rows.clone()
    scorer.explain(rows)
    assert torch.equal(before, rows)
    with pytest.raises(ShapeError, match=r"expects windows \[B, 3, 4\]"):
        scorer.explain(torch.zeros(1, 2, 4))
