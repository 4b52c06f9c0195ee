"""What the label benchmark compares with the DQN that asked for the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.label_splits import Split
from tsreward.detection.detectors.composed import moving_average
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

Answer = tuple[np.ndarray, np.ndarray]
"""Scores of the windows of the pool and of those to evaluate."""


Method = Callable[[Split, torch.Tensor], Answer]
"""(split, labels [N] of its pool with -1 where unknown) -> scores."""


def unsupervised(seed: int, train: TrainOptions) -> dict[str, Callable[[Split], Answer]]:
    """Return what is compared with the agent that asked, and needs no labels."""
    return {
        "LSTM-VAE alone": lambda split: _fitted(vae(split), split, train),
        "ridge VAR": lambda split: _fitted(RidgeVAR(split.pool.window), split, train),
        "PCA": lambda split: _fitted(PCA(split.pool.window), split, train),
        "PCA of the window": lambda split: _fitted(PCA(split.pool.window, PCAOptions(steps="window")), split, train),
        "PCA, smoothed": lambda split: smoothed(_fitted(PCA(split.pool.window), split, train), split),
        "ridge VAR, smoothed": lambda split: smoothed(_fitted(RidgeVAR(split.pool.window), split, train), split),
        "random": lambda split: _random(split, seed),
    }


SCORES = ("LSTM-VAE alone", "ridge VAR", "PCA of the window")
"""The scores that classifiers are given."""


def with_labels(scores: dict[str, Answer], train: TrainOptions) -> dict[str, Method]:
    """Return what is compared with the agent that asked, and learns from its labels; some know unsupervised scores."""
    known = tuple(np.column_stack([np.log(scores[name][part] + 1e-9) for name in SCORES]) for part in (0, 1))
    return {
        "logistic regression": lambda split, labels: logistic(labels, *_scaled(split)),
        "logistic regression on scores": lambda split, labels: logistic(labels, *known),
        "boosted trees on scores and features": lambda split, labels: boosted(labels, known, split, train.seed),
        "Deep SAD": lambda split, labels: deep_sad(split, labels, train),
    }


def vae(split: Split) -> LSTMVAE:
    """Return the autoencoder that pays the DQN, as a scorer of its own, which is trained on the error it scores by."""
    agent = split.agent
    return LSTMVAE(
        split.pool.window,
        LSTMVAEOptions(latent=agent.vae_latent, beta=agent.vae_beta, error=agent.error, decoder="mlp", norm="l2"),
    )


def _fitted(scorer: Scorer, split: Split, train: TrainOptions) -> Answer:
    scorer.fit(split.unlabelled, options=train)
    return answers(scorer, split)


def _random(split: Split, seed: int) -> Answer:
    draw = np.random.default_rng(seed)
    return draw.random(len(split.pool)), draw.random(len(split.evaluated))


def logistic(labels: torch.Tensor, pool: np.ndarray, evaluated: np.ndarray) -> Answer:
    """Logistic regression on features [N, P]; classes weigh the same."""
    from sklearn.linear_model import LogisticRegression

    return _classified(LogisticRegression(class_weight="balanced", max_iter=2000), labels, pool, evaluated)


def boosted(labels: torch.Tensor, scores: tuple[np.ndarray, ...], split: Split, seed: int) -> Answer:
    """Gradient-boosted trees on scores and the rows of the last step."""
    from sklearn.ensemble import GradientBoostingClassifier

    last = [windows.gather(torch.arange(len(windows)))[:, -1].numpy() for windows in (split.pool, split.evaluated)]
    pool, evaluated = (np.hstack(both) for both in zip(scores, last, strict=True))
    return _classified(GradientBoostingClassifier(random_state=seed), labels, pool, evaluated)


def _classified(model: Any, labels: torch.Tensor, pool: np.ndarray, evaluated: np.ndarray) -> Answer:
    """Return the log odds of a classifier of scikit-learn; zeros where only one class is known."""
    known = (labels >= 0).numpy()
    if len(labels[labels >= 0].unique()) < 2:
        return np.zeros(len(pool)), np.zeros(len(evaluated))
    model.fit(pool[known], labels[known].numpy())
    return model.decision_function(pool), model.decision_function(evaluated)


def _scaled(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return flattened windows of the pool and of those to evaluate, standardised by what is unlabelled."""
    rows = split.unlabelled.store
    mean, std = rows.mean(0), rows.std(0).clamp_min(0.01)

    def flat(windows: WindowSet) -> np.ndarray:
        scaled = windows.map(lambda store: ((store - mean) / std).clamp(-10, 10))
        return scaled.gather(torch.arange(len(scaled))).flatten(1).numpy()

    return flat(split.pool), flat(split.evaluated)


def deep_sad(split: Split, labels: torch.Tensor, train: TrainOptions) -> Answer:
    """Deep SAD: labelled anomalies are pushed away, all other windows, of the pool too, are drawn to the centre."""
    rest = split.pool.where(labels != 1)
    normal = rest if split.normal is None else WindowSet.concat([split.normal, rest])
    scorer = DeepSVDD(split.pool.window)
    scorer.fit(normal, split.pool.where(labels == 1) if (labels == 1).any() else None, train)
    return answers(scorer, split)


def answers(scorer: Scorer, split: Split) -> Answer:
    """Return the scores of a fitted scorer."""
    pool, evaluated = (scorer.score_all(part).double().numpy() for part in (split.pool, split.evaluated))
    return pool, evaluated


def smoothed(answer: Answer, split: Split) -> Answer:
    """Return scores averaged over the last rows of a window's length, within every series."""
    parts = []
    for scores, windows in zip(answer, (split.pool, split.evaluated), strict=True):
        borders = np.flatnonzero(np.diff(windows.first.numpy())) + 1
        parts.append([moving_average(part, windows.window, "causal") for part in np.split(scores, borders)])
    return np.concatenate(parts[0]), np.concatenate(parts[1])
