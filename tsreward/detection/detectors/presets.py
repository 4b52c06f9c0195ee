"""Names of detectors, for the command line and benchmarks; Python code composes the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from tsreward.detection.detectors.base import DETECTOR_CLASSES, DETECTORS, Detector
from tsreward.detection.detectors.composed import Ensemble, FitOnTest, Side, Smoothed
from tsreward.detection.detectors.sklearn import pyod_detector
from tsreward.detection.detectors.windows import FAR, WindowDetector
from tsreward.errors import OptionError, unknown_name
from tsreward.registry import OWN
from tsreward.scorers.base import SCORERS
from tsreward.scorers.deep_svdd import DeepSVDD, DeepSVDDOptions
from tsreward.scorers.dqn.environment import DQNOptions
from tsreward.scorers.dqn.scorer import DQN
from tsreward.scorers.forecaster import Forecaster, ForecasterOptions
from tsreward.scorers.knn import KNN
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.mahalanobis import Mahalanobis, MahalanobisOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.ridge_var import RidgeVAR, RidgeVAROptions
from tsreward.scorers.transformer_ae import TransformerAE, TransformerAEOptions
from tsreward.sequences.series import Series
from tsreward.training import TrainOptions

DEFAULT = "ensemble"
WIDTHS = (1, 4, 16, 64)
"""Rows that scores are averaged over, by default: how long an anomaly lasts is not known before."""

_LAST_STEP = LSTMVAEOptions(clip=FAR, error="last", norm="l2", decoder="mlp")
_EMBEDDED = DeepSVDDOptions(clip=FAR, distance="mahalanobis")
# The components that explain a quarter of the variance, weighted: the row "PCA" of the TSB-AD leaderboard.
_LEADERBOARD = PCAOptions(clip=None, std_floor=1e-6, components=0.25, score="weighted")


def train_options(seed: int, epochs: int = 30) -> TrainOptions:
    """Return how networks are trained on logs: 2,000 windows in an epoch, so that a fit takes seconds of one core."""
    return TrainOptions(epochs=epochs, windows_per_epoch=2_000, patience=6, seed=seed)


@DETECTOR_CLASSES.register("random")
class RandomScores(Detector):
    """Independent uniform scores in [0, 1), the same for the same seed and length: the simplest baseline.

    Args:
        seed: of the random numbers.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.
    """

    def __init__(self, seed: int = 0, *, false_alarm_rate: float | None = 0.01, threshold: str = "conformal") -> None:
        super().__init__(false_alarm_rate=false_alarm_rate, threshold=threshold)
        self.seed = seed

    def learn(self, series: Series) -> None:
        """Do nothing."""

    def measure(self, series: Series) -> np.ndarray:
        return np.random.default_rng(self.seed).random(len(series))

    def state(self) -> dict[str, Tensor]:
        return {}


@DETECTORS.register("random")
def _random(seed: int) -> Detector:
    return RandomScores(seed)


@DETECTORS.register("z_norm")
def _z_norm(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 1, MahalanobisOptions(clip=FAR, covariance="diagonal"), power=2)


@DETECTORS.register("mahalanobis")
def _mahalanobis(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 1, MahalanobisOptions(clip=FAR, shrinkage=0.3), power=2)


@DETECTORS.register("mahalanobis_window")
def _mahalanobis_window(seed: int) -> Detector:
    return WindowDetector(Mahalanobis, 10, MahalanobisOptions(clip=FAR, steps="window", shrinkage=0.1), power=2)


@DETECTORS.register("pca")
def _pca(seed: int) -> Detector:
    return WindowDetector(PCA, 1, PCAOptions(clip=FAR))


@DETECTORS.register("pca_weighted")
def _pca_weighted(seed: int) -> Detector:
    return WindowDetector(PCA, 1, _LEADERBOARD)


@DETECTORS.register("pca_whole_series")
def _pca_whole_series(seed: int) -> Detector:
    return FitOnTest(WindowDetector(PCA, 1, _LEADERBOARD))


@DETECTORS.register("ridge_var")
def _ridge_var(seed: int) -> Detector:
    return WindowDetector(RidgeVAR, 11)


@DETECTORS.register("ridge_var_scaled")
def _ridge_var_scaled(seed: int) -> Detector:
    return WindowDetector(RidgeVAR, 11, RidgeVAROptions(clip=FAR, scale_residuals=True))


@DETECTORS.register("knn")
def _knn(seed: int) -> Detector:
    return WindowDetector(KNN, 1, train=train_options(seed), power=2)


@DETECTORS.register("transformer_ae")
def _transformer_ae(seed: int) -> Detector:
    options = TransformerAEOptions(clip=FAR, error="last", norm="l2", bottleneck=4)
    return WindowDetector(TransformerAE, 4, options, train=train_options(seed))


@DETECTORS.register("lstm_vae")
def _lstm_vae(seed: int) -> Detector:
    return WindowDetector(LSTMVAE, 4, _LAST_STEP, train=train_options(seed))


@DETECTORS.register("lstm_vae_whitened")
def _lstm_vae_whitened(seed: int) -> Detector:
    return WindowDetector(LSTMVAE, 4, replace(_LAST_STEP, distance="mahalanobis"), train=train_options(seed))


@DETECTORS.register("deep_svdd")
def _deep_svdd(seed: int) -> Detector:
    return WindowDetector(DeepSVDD, 4, _EMBEDDED, train=_briefly(seed))


@DETECTORS.register("untrained")
def _untrained(seed: int) -> Detector:
    return WindowDetector(DeepSVDD, 4, _EMBEDDED, train=_briefly(seed), trained=False)


@DETECTORS.register("forecaster")
def _forecaster(seed: int) -> Detector:
    options = ForecasterOptions(clip=FAR, network="mlp", loss="mse")
    return WindowDetector(Forecaster, 10, options, train=train_options(seed))


@DETECTORS.register("dqn")
def _dqn(seed: int) -> Detector:
    # Without labels only its intrinsic reward speaks; with labels it is trained by `DQN.learn_actively`.
    return WindowDetector(DQN, 4, DQNOptions(clip=FAR), train=train_options(seed))


@DETECTORS.register("ensemble")
def _ensemble(seed: int) -> Detector:
    return Ensemble([_ridge_var_scaled(seed), _knn(seed)])


def _briefly(seed: int) -> TrainOptions:
    # Its loss falls until all normal windows are one point, long after the embedding has become worse.
    return train_options(seed, epochs=3)


def scorer_detector(name: str, seed: int) -> WindowDetector:
    """Return the detector of a scorer: the one that has its name, or the scorer as it is by default on four rows.

    Raises:
        OptionError: there is no such scorer, or what has its name is no `WindowDetector`.
    """
    if name not in DETECTORS:
        scorer = SCORERS[name]
        return WindowDetector(scorer, max(4, scorer.min_window), train=train_options(seed))
    detector = DETECTORS[name](seed)
    if name not in SCORERS or not isinstance(detector, WindowDetector):
        raise OptionError(f"The detector '{name}' is not the scorer of that name: rename one of them.")
    return detector


def detector_names(own: bool = False) -> list[str]:
    """Return what `make_detector` knows: detectors and scorers, without those of other packages where `own` is set."""
    scorers = [name for name in SCORERS.names(own) if SCORERS.package(name) != OWN or not SCORERS[name].needs_negative]
    return sorted({*DETECTORS.names(own), *scorers})


def make_detector(
    name: str,
    seed: int = 0,
    alignment: Side = "causal",
    smoothing: int | Sequence[int] = WIDTHS,
    false_alarm_rate: float | None = 0.01,
    threshold: str = "conformal",
) -> Detector:
    """Return a detector by name, with its scores averaged over `smoothing` rows: see `Smoothed`.

    Args:
        name: e.g. ensemble, knn or pyod:HBOS; `tsreward bench detect --help` lists all.
        seed: of the random numbers.
        alignment: causal averages over the rows before, for alarms; centred over both sides, for looking back.
        smoothing: rows that are averaged, one number or several; 1 does not average.
        false_alarm_rate: see `Detector`.
        threshold: see `Detector`.

    Raises:
        OptionError: an unknown name, or an argument outside its range.
        MissingExtraError: the name stands for a package that is not installed.

    >>> make_detector("pca")
    Smoothed(WindowDetector(PCA, window=1, options=PCAOptions(clip=100.0)), width=[1, 4, 16, 64])
    >>> make_detector("pca").causal, make_detector("pca", alignment="centred").causal
    (True, False)
    """
    if name.startswith("pyod:"):
        detector: Detector = pyod_detector(name.removeprefix("pyod:"))
    elif name in DETECTORS:
        detector = DETECTORS[name](seed)
    elif name in SCORERS:
        detector = scorer_detector(name, seed)
    else:
        raise unknown_name("detector", name, detector_names())
    return Smoothed(detector, smoothing, alignment, false_alarm_rate=false_alarm_rate, threshold=threshold)
