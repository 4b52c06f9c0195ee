"""Turn a sequence anomaly detector into a reward for reinforcement learning.

The names below are loaded when they are first used, so that `import tsreward` imports neither torch nor gymnasium.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsreward.active import ActiveLearner, ActiveLearnerOptions
    from tsreward.calibration import Calibration
    from tsreward.checkpoint import load, save
    from tsreward.data.episodes import load_episodes, save_episodes
    from tsreward.data.features import encode_episodes, encode_video
    from tsreward.data.graded import GradedEpisodes, load_graded, save_graded
    from tsreward.data.logs.asd import load_asd
    from tsreward.data.logs.nab import load_nab
    from tsreward.data.logs.smd import load_smd
    from tsreward.data.logs.tables import load_tables, read_table
    from tsreward.data.logs.telemanom import load_telemanom
    from tsreward.data.logs.tsb_ad import load_tsb_ad
    from tsreward.data.logs.wadi import load_wadi
    from tsreward.data.logs.yahoo import load_yahoo
    from tsreward.data.minari import load_minari
    from tsreward.data.minari_relabelling import relabel_minari
    from tsreward.data.video.reading import read_frames
    from tsreward.detectors.ensemble import Ensemble
    from tsreward.detectors.foreign import ForeignDetector
    from tsreward.detectors.smoothed import Smoothed
    from tsreward.detectors.table import make_detector
    from tsreward.detectors.windows import WindowDetector
    from tsreward.encoder_training import train_encoder
    from tsreward.encoders.clip import CLIPEncoder
    from tsreward.encoders.conv import ConvEncoder, ConvOptions
    from tsreward.encoders.frames import FrameOptions
    from tsreward.encoders.identity import Identity
    from tsreward.encoders.pixel_pca import PixelPCA, PixelPCAOptions
    from tsreward.encoders.sorted_lidar import SortedLidar
    from tsreward.envs.make import make
    from tsreward.envs.redrawing import render_states
    from tsreward.episodes import Episode, safe_windows
    from tsreward.errors import (
        CheckpointError,
        DataError,
        MissingExtraError,
        NotFittedError,
        OptionError,
        ProtocolError,
        ShapeError,
        TSRewardError,
    )
    from tsreward.evaluation.audit.auditing import Audit, audit
    from tsreward.evaluation.comparison import Comparison, compare
    from tsreward.evaluation.streaming import stream_scores
    from tsreward.model import RewardModel
    from tsreward.online import OnlineReward
    from tsreward.probes import probe_windows
    from tsreward.relabelling import relabel
    from tsreward.rewards.disagreement import EnsembleDisagreement
    from tsreward.rewards.exploration import RandomNetworkDistillation
    from tsreward.rewards.lagrangian import Lagrangian, LagrangianOptions
    from tsreward.rewards.likeness import Likeness, LikenessOptions
    from tsreward.rewards.penalty import Penalty, PenaltyOptions
    from tsreward.scorers.deep_svdd import DeepSVDD
    from tsreward.scorers.discriminator import Discriminator
    from tsreward.scorers.dqn.active import ActiveOptions
    from tsreward.scorers.dqn.options import DQNOptions
    from tsreward.scorers.dqn.scorer import DQN
    from tsreward.scorers.forecaster import Forecaster
    from tsreward.scorers.knn import KNN
    from tsreward.scorers.lstm_vae import LSTMVAE
    from tsreward.scorers.mahalanobis import Mahalanobis
    from tsreward.scorers.pca import PCA
    from tsreward.scorers.transformer_ae import TransformerAE
    from tsreward.scorers.var import RidgeVAR
    from tsreward.series import DetectionTask, Series
    from tsreward.training import TrainOptions
    from tsreward.windows import StreamBuffer, WindowSet
    from tsreward.wrappers.gymnasium_env import LearnedReward
    from tsreward.wrappers.gymnasium_vector import LearnedRewardVector
    from tsreward.wrappers.sb3 import LearnedRewardVecEnv

    __version__: str

_MODULES = {
    "tsreward.active": ("ActiveLearner", "ActiveLearnerOptions"),
    "tsreward.calibration": ("Calibration",),
    "tsreward.checkpoint": ("load", "save"),
    "tsreward.data.episodes": ("load_episodes", "save_episodes"),
    "tsreward.data.features": ("encode_episodes", "encode_video"),
    "tsreward.data.graded": ("GradedEpisodes", "load_graded", "save_graded"),
    "tsreward.data.logs.asd": ("load_asd",),
    "tsreward.data.logs.nab": ("load_nab",),
    "tsreward.data.logs.smd": ("load_smd",),
    "tsreward.data.logs.tables": ("load_tables", "read_table"),
    "tsreward.data.logs.telemanom": ("load_telemanom",),
    "tsreward.data.logs.tsb_ad": ("load_tsb_ad",),
    "tsreward.data.logs.wadi": ("load_wadi",),
    "tsreward.data.logs.yahoo": ("load_yahoo",),
    "tsreward.data.minari": ("load_minari",),
    "tsreward.data.minari_relabelling": ("relabel_minari",),
    "tsreward.data.video.reading": ("read_frames",),
    "tsreward.detectors.ensemble": ("Ensemble",),
    "tsreward.detectors.foreign": ("ForeignDetector",),
    "tsreward.detectors.smoothed": ("Smoothed",),
    "tsreward.detectors.table": ("make_detector",),
    "tsreward.detectors.windows": ("WindowDetector",),
    "tsreward.encoder_training": ("train_encoder",),
    "tsreward.encoders.clip": ("CLIPEncoder",),
    "tsreward.encoders.conv": ("ConvEncoder", "ConvOptions"),
    "tsreward.encoders.frames": ("FrameOptions",),
    "tsreward.encoders.identity": ("Identity",),
    "tsreward.encoders.pixel_pca": ("PixelPCA", "PixelPCAOptions"),
    "tsreward.encoders.sorted_lidar": ("SortedLidar",),
    "tsreward.envs.make": ("make",),
    "tsreward.envs.redrawing": ("render_states",),
    "tsreward.episodes": ("Episode", "safe_windows"),
    "tsreward.errors": (
        "CheckpointError",
        "DataError",
        "MissingExtraError",
        "NotFittedError",
        "OptionError",
        "ProtocolError",
        "ShapeError",
        "TSRewardError",
    ),
    "tsreward.evaluation.audit.auditing": ("Audit", "audit"),
    "tsreward.evaluation.comparison": ("Comparison", "compare"),
    "tsreward.evaluation.streaming": ("stream_scores",),
    "tsreward.model": ("RewardModel",),
    "tsreward.online": ("OnlineReward",),
    "tsreward.probes": ("probe_windows",),
    "tsreward.relabelling": ("relabel",),
    "tsreward.rewards.disagreement": ("EnsembleDisagreement",),
    "tsreward.rewards.exploration": ("RandomNetworkDistillation",),
    "tsreward.rewards.lagrangian": ("Lagrangian", "LagrangianOptions"),
    "tsreward.rewards.likeness": ("Likeness", "LikenessOptions"),
    "tsreward.rewards.penalty": ("Penalty", "PenaltyOptions"),
    "tsreward.scorers.deep_svdd": ("DeepSVDD",),
    "tsreward.scorers.discriminator": ("Discriminator",),
    "tsreward.scorers.dqn.active": ("ActiveOptions",),
    "tsreward.scorers.dqn.options": ("DQNOptions",),
    "tsreward.scorers.dqn.scorer": ("DQN",),
    "tsreward.scorers.forecaster": ("Forecaster",),
    "tsreward.scorers.knn": ("KNN",),
    "tsreward.scorers.lstm_vae": ("LSTMVAE",),
    "tsreward.scorers.mahalanobis": ("Mahalanobis",),
    "tsreward.scorers.pca": ("PCA",),
    "tsreward.scorers.transformer_ae": ("TransformerAE",),
    "tsreward.scorers.var": ("RidgeVAR",),
    "tsreward.series": ("DetectionTask", "Series"),
    "tsreward.training": ("TrainOptions",),
    "tsreward.windows": ("StreamBuffer", "WindowSet"),
    "tsreward.wrappers.gymnasium_env": ("LearnedReward",),
    "tsreward.wrappers.gymnasium_vector": ("LearnedRewardVector",),
    "tsreward.wrappers.sb3": ("LearnedRewardVecEnv",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "DQN",
    "KNN",
    "LSTMVAE",
    "PCA",
    "ActiveLearner",
    "ActiveLearnerOptions",
    "ActiveOptions",
    "Audit",
    "CLIPEncoder",
    "Calibration",
    "CheckpointError",
    "Comparison",
    "ConvEncoder",
    "ConvOptions",
    "DQNOptions",
    "DataError",
    "DeepSVDD",
    "DetectionTask",
    "Discriminator",
    "Ensemble",
    "EnsembleDisagreement",
    "Episode",
    "Forecaster",
    "ForeignDetector",
    "FrameOptions",
    "GradedEpisodes",
    "Identity",
    "Lagrangian",
    "LagrangianOptions",
    "LearnedReward",
    "LearnedRewardVecEnv",
    "LearnedRewardVector",
    "Likeness",
    "LikenessOptions",
    "Mahalanobis",
    "MissingExtraError",
    "NotFittedError",
    "OnlineReward",
    "OptionError",
    "Penalty",
    "PenaltyOptions",
    "PixelPCA",
    "PixelPCAOptions",
    "ProtocolError",
    "RandomNetworkDistillation",
    "RewardModel",
    "RidgeVAR",
    "Series",
    "ShapeError",
    "Smoothed",
    "SortedLidar",
    "StreamBuffer",
    "TSRewardError",
    "TrainOptions",
    "TransformerAE",
    "WindowDetector",
    "WindowSet",
    "audit",
    "compare",
    "encode_episodes",
    "encode_video",
    "load",
    "load_asd",
    "load_episodes",
    "load_graded",
    "load_minari",
    "load_nab",
    "load_smd",
    "load_tables",
    "load_telemanom",
    "load_tsb_ad",
    "load_wadi",
    "load_yahoo",
    "make",
    "make_detector",
    "probe_windows",
    "read_frames",
    "read_table",
    "relabel",
    "relabel_minari",
    "render_states",
    "safe_windows",
    "save",
    "save_episodes",
    "save_graded",
    "stream_scores",
    "train_encoder",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tsreward")
    if name not in _HOME:
        raise AttributeError(f"module 'tsreward' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
