"""The search spaces: what is searched for every objective, and between which bounds.

Raise a version when a parameter comes to mean something else under the same name: studies of another version, or of
other parameters, are refused and not mixed. A name `knn.neighbours` is the option `neighbours` of the scorer `knn`;
`scorer.` and `mode.` stand for the scorer and the reward mode that are taken. The others are called as the options of
`tsreward fit`, those for likeness as the options of `tsreward train --mode likeness`; only `smoothing` is neither's.
"""

from __future__ import annotations

from tsreward.tuning.space import Choice, Parameter, Real, Space, Whole

SAD, AE = ("scorer", "deep_sad"), ("scorer", "semi_supervised_ae")
PENALTY, LAGRANGIAN = ("mode", "penalty"), ("mode", "lagrangian")

_ANOSEQS: dict[str, Parameter] = {
    "scorer": Choice(("deep_sad", "semi_supervised_ae"), "deep_sad"),
    "window": Whole(2, 16, 4, log=True),  # K
    "scorer.clip": Real(3.0, 30.0, 10.0, log=True),  # ± standard deviations of the normal steps
    "deep_sad.negative_weight": Real(0.1, 10.0, 1.0, log=True, when=SAD),  # η, the semi-supervised λ
    "deep_sad.embedding": Whole(4, 64, 32, log=True, when=SAD),
    "semi_supervised_ae.negative_weight": Real(0.1, 10.0, 1.0, log=True, when=AE),  # the semi-supervised λ
    "semi_supervised_ae.bottleneck": Whole(2, 32, 16, log=True, when=AE),
    "mode": Choice(("penalty", "lagrangian"), "penalty"),
    "mode.false_alarm_rate": Real(0.005, 0.2, 0.05, log=True),
    "mode.smoothing": Real(0.0, 0.9, 0.0),
    "penalty.form": Choice(("tail", "constant"), "tail", when=PENALTY),
    "penalty.weight": Real(0.5, 32.0, 8.0, log=True, when=PENALTY),  # λ, in typical single-step rewards
    "lagrangian.rate": Real(0.1, 10.0, 1.0, log=True, when=LAGRANGIAN),
    "lagrangian.cap": Real(2.0, 50.0, 10.0, log=True, when=LAGRANGIAN),
}

_KNN, _MAHALANOBIS, _PCA = ("scorer", "knn"), ("scorer", "mahalanobis"), ("scorer", "pca")
_VAR, _SVDD, _VAE = ("scorer", "ridge_var"), ("scorer", "deep_svdd"), ("scorer", "lstm_vae")
_FORECASTER, _TRANSFORMER, _DQN = ("scorer", "forecaster"), ("scorer", "transformer_ae"), ("scorer", "dqn")

_DETECT: dict[str, Parameter] = {
    "scorer": Choice(
        (
            "knn",
            "mahalanobis",
            "pca",
            "ridge_var",
            "deep_svdd",
            "lstm_vae",
            "transformer_ae",
            "forecaster",
            "dqn",
        ),
        "knn",
    ),
    "window": Whole(2, 32, 4, log=True),  # K
    "smoothing": Whole(1, 64, 10, log=True),  # rows that scores are averaged over
    "scorer.clip": Choice((None, 5.0, 10.0, 30.0), None),  # ± standard deviations of the normal rows
    "scorer.std_floor": Real(1e-4, 0.1, 0.01, log=True),
    "knn.neighbours": Whole(1, 50, 5, log=True, when=_KNN),
    "knn.steps": Choice(("last", "window"), "last", when=_KNN),
    "mahalanobis.shrinkage": Real(1e-3, 0.9, 0.3, log=True, when=_MAHALANOBIS),
    "mahalanobis.steps": Choice(("last", "window"), "last", when=_MAHALANOBIS),
    "pca.components": Real(0.3, 0.99, 0.9, when=_PCA),  # share of the variance
    "pca.steps": Choice(("last", "window"), "last", when=_PCA),
    "ridge_var.ridge": Real(1e-2, 1e4, 1.0, log=True, when=_VAR),
    "deep_svdd.embedding": Whole(4, 64, 32, log=True, when=_SVDD),
    "deep_svdd.distance": Choice(("centre", "mahalanobis"), "mahalanobis", when=_SVDD),
    "train.epochs": Whole(1, 30, 3, log=True, when=_SVDD),
    "lstm_vae.latent": Whole(2, 32, 16, log=True, when=_VAE),
    "lstm_vae.beta": Real(0.01, 1.0, 0.1, log=True, when=_VAE),
    "lstm_vae.distance": Choice(("mean", "mahalanobis"), "mean", when=_VAE),
    "transformer_ae.bottleneck": Whole(2, 32, 4, log=True, when=_TRANSFORMER),
    "transformer_ae.distance": Choice(("mean", "mahalanobis"), "mean", when=_TRANSFORMER),
    "forecaster.network": Choice(("gru", "mlp"), "mlp", when=_FORECASTER),
    "forecaster.loss": Choice(("nll", "mse"), "mse", when=_FORECASTER),
    "dqn.lambda_start": Real(0.5, 5.0, 1.0, when=_DQN),  # the schedule of λ: where it starts,
    "dqn.lambda_rate": Real(0.01, 1.0, 0.1, log=True, when=_DQN),  # how fast it follows,
    "dqn.lambda_target": Real(0.0, 5.0, 1.0, when=_DQN),  # and the reward per step that it is steered to
    "dqn.lambda_min": Real(0.05, 0.5, 0.2, log=True, when=_DQN),
}

_ACTIVE, _FROZEN = ("learning", "active"), ("learning", "frozen")
_BAD = ("negatives", "random", "failures", "probes", "random+failures+probes")

_BY_LABELS = ("least_squares_sad", "deep_sad", "discriminator")

_LIKENESS: dict[str, Parameter] = {
    "learning": Choice(("active", "frozen"), "active"),
    "scorer": Choice(_BY_LABELS, _BY_LABELS[0], when=_ACTIVE),  # frozen is deep_sad
    "window": Whole(1, 8, 4, log=True),  # K
    "clip_low": Choice((None, 0.01, 0.05, 0.25, 0.5), None, when=_FROZEN),  # quantiles of the expert's scores
    "clip_high": Choice((None, 0.99, 0.999), None, when=_FROZEN),
    "negatives": Choice(("none", *_BAD[1:]), "none"),
    "bonus": Choice(("none", "rnd", "disagreement"), "none"),
    "bonus_weight": Real(0.01, 1.0, 0.1, log=True, when=("bonus", "rnd", "disagreement")),
    "active.every": Whole(8, 128, 32, log=True, when=_ACTIVE),
    "active.updates": Whole(1, 16, 4, log=True, when=_ACTIVE),
    "active.learning_rate": Real(3e-5, 3e-3, 3e-4, log=True, when=_ACTIVE),
    "active.recent": Whole(2_000, 200_000, 100_000, log=True, when=_ACTIVE),
    "active.fixed_share": Real(0.05, 0.75, 0.25, when=_BAD),
}

SPACES: dict[str, Space] = {
    "anoseqs": Space(1, _ANOSEQS),
    "likeness": Space(1, _LIKENESS),
    "detect": Space(1, _DETECT),
}
"""Objective -> what is searched for it."""
