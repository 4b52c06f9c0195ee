"""Names of detectors, for the command line and benchmarks; Python code composes the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.baselines import FitOnTest, RandomScores
from tsreward.detection.detectors.ensemble import Ensemble
from tsreward.detection.detectors.sklearn import isolation_forest, pyod_detector
from tsreward.detection.detectors.smoothing import Smoothed
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.errors import unknown_name
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.dqn.options import DQNOptions
from tsreward.scorers.dqn.scorer import DQN
from tsreward.scorers.forecaster import Forecaster, ForecasterOptions
from tsreward.scorers.knn import KNN
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.scorers.transformer_ae import TransformerAE, TransformerAEOptions
from tsreward.training import TrainOptions

DEFAULT = "ensemble"

_LAST_STEP = LSTMVAEOptions(clip=None, error="last", norm="l2", decoder="mlp")
_EMBEDDED = DeepSVDDOptions(clip=None, distance="mahalanobis")
# The components that explain a quarter of the variance, weighted: the row "PCA" of the TSB-AD leaderboard.
_LEADERBOARD = PCAOptions(clip=None, std_floor=1e-6, components=0.25, score="weighted")


def train_options(seed: int, epochs: int = 30) -> TrainOptions:
    """Return how networks are trained on logs: 2,000 windows in an epoch, so that a fit takes seconds of one core."""
    return TrainOptions(epochs=epochs, windows_per_epoch=2_000, patience=6, seed=seed)


def _random(seed: int) -> Detector:
    return RandomScores(seed)


def _z_norm(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 1, MahalanobisOptions(clip=None, covariance="diagonal"), power=2)


def _mahalanobis(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 1, MahalanobisOptions(clip=None, shrinkage=0.3), power=2)


def _mahalanobis_window(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 10, MahalanobisOptions(clip=None, steps="window", shrinkage=0.1), power=2)


def _pca(seed: int) -> Detector:
    return WindowDetector(PCA, 1, PCAOptions(clip=None))


def _pca_weighted(seed: int) -> Detector:
    return WindowDetector(PCA, 1, _LEADERBOARD)


def _pca_whole_series(seed: int) -> Detector:
    return FitOnTest(WindowDetector(PCA, 1, _LEADERBOARD))


def _ridge_var(seed: int) -> Detector:
    return WindowDetector(RidgeVAR, 11)


def _knn(seed: int) -> Detector:
    return WindowDetector(KNN, 1, train=train_options(seed), power=2)


def _transformer_ae(seed: int) -> Detector:
    options = TransformerAEOptions(clip=None, error="last", norm="l2", bottleneck=4)
    return WindowDetector(TransformerAE, 4, options, train=train_options(seed))


def _lstm_vae(seed: int) -> Detector:
    return WindowDetector(LSTMVAE, 4, _LAST_STEP, train=train_options(seed))


def _lstm_vae_whitened(seed: int) -> Detector:
    return WindowDetector(LSTMVAE, 4, replace(_LAST_STEP, distance="mahalanobis"), train=train_options(seed))


def _deep_svdd(seed: int) -> Detector:
    return WindowDetector(DeepSVDD, 4, _EMBEDDED, train=_briefly(seed))


def _untrained(seed: int) -> Detector:
    return WindowDetector(DeepSVDD, 4, _EMBEDDED, train=_briefly(seed), trained=False)


def _forecaster(seed: int) -> Detector:
    options = ForecasterOptions(clip=None, network="mlp", loss="mse")
    return WindowDetector(Forecaster, 10, options, train=train_options(seed))


def _dqn(seed: int) -> Detector:
    # Without labels only its intrinsic reward speaks; with labels it is trained by `DQN.learn_actively`.
    return WindowDetector(DQN, 4, DQNOptions(clip=None), train=train_options(seed))


def _ensemble(seed: int) -> Detector:
    return Ensemble([_lstm_vae(seed), _deep_svdd(seed), _mahalanobis_window(seed)])


def _briefly(seed: int) -> TrainOptions:
    # Its loss falls until all normal windows are one point, long after the embedding has become worse.
    return train_options(seed, epochs=3)


DETECTORS: dict[str, Callable[[int], Detector]] = {
    "random": _random,
    "z_norm": _z_norm,
    "pca": _pca,
    "pca_weighted": _pca_weighted,
    "pca_whole_series": _pca_whole_series,
    "mahalanobis": _mahalanobis,
    "mahalanobis_window": _mahalanobis_window,
    "ridge_var": _ridge_var,
    "knn": _knn,
    "isolation_forest": isolation_forest,
    "untrained": _untrained,
    "transformer_ae": _transformer_ae,
    "lstm_vae": _lstm_vae,
    "lstm_vae_whitened": _lstm_vae_whitened,
    "deep_svdd": _deep_svdd,
    "forecaster": _forecaster,
    "dqn": _dqn,
    "ensemble": _ensemble,
}
"""Name -> function of a seed that returns the detector, not smoothed."""


def make_detector(
    name: str, seed: int = 0, alignment: Literal["causal", "centred"] = "causal", smoothing: int = 10
) -> Detector:
    """Return a detector by name, e.g. ensemble or pyod:HBOS, with its scores averaged over `smoothing` rows.

    `causal` averages over the rows before, and suits alarms and rewards; `centred` over both sides, and suits looking
    back over a log.

    Raises:
        OptionError: an unknown name.
        MissingExtraError: the name stands for a package that is not installed.

    >>> make_detector("pca").causal, make_detector("pca", alignment="centred").causal
    (True, False)
    """
    if name.startswith("pyod:"):
        detector: Detector = pyod_detector(name.removeprefix("pyod:"))
    elif name in DETECTORS:
        detector = DETECTORS[name](seed)
    else:
        raise unknown_name("detector", name, DETECTORS)
    return Smoothed(detector, smoothing, alignment)
