"""Names of the scorers, for the command line and for loading files; Python code passes classes."""

from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.discriminator import Discriminator
from tsreward.scorers.dqn.scorer import DQN
from tsreward.scorers.forecaster import Forecaster
from tsreward.scorers.knn import KNN
from tsreward.scorers.lstm_vae import LSTMVAE
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.scorers.pca import PCA
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.scorers.transformer_ae import TransformerAE

SCORERS: dict[str, type[Scorer]] = {
    "transformer_ae": TransformerAE,
    "lstm_vae": LSTMVAE,
    "deep_svdd": DeepSVDD,
    "discriminator": Discriminator,
    "dqn": DQN,
    "forecaster": Forecaster,
    "knn": KNN,
    "mahalanobis": Mahalanobis,
    "pca": PCA,
    "ridge_var": RidgeVAR,
}
"""`SCORERS[name](window, SCORERS[name].Options(**values))` builds a scorer from a file's names and values."""
