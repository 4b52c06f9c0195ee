"""What the label benchmark compares with the DQN that asked for the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.label_splits import Split
from tsreward.detection.detectors.composed import moving_average
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.dqn.scorer import DQN
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.ridge_var import RidgeVAR
from tsreward.sequences.windows import WindowSet
from tsreward.training import TrainOptions

Answer = tuple[np.ndarray, np.ndarray]
"""Scores of the windows of the pool and of those to evaluate."""


Method = Callable[[Split, torch.Tensor], Answer]
"""(split, labels [N] of its pool with -1 where unknown) -> scores."""


def methods(seed: int, train: TrainOptions) -> dict[str, Method]:
    """Return what is compared with the agent that asked."""
    return {
        "DQN, symmetric λ": lambda split, labels: _dqn(split, labels, "symmetric", train),
        "DQN, no λ": lambda split, labels: _dqn(split, labels, "none", train),
        "LSTM-VAE alone": lambda split, _: _fitted(vae(split), split, train),
        "logistic regression": logistic,
        "Deep SAD": lambda split, labels: deep_sad(split, labels, train),
        "PCA": lambda split, _: _fitted(PCA(split.pool.window), split, train),
        "PCA, smoothed": lambda split, _: smoothed(_fitted(PCA(split.pool.window), split, train), split),
        "PCA of the window": lambda split, _: _fitted(PCA(split.pool.window, PCAOptions(steps="window")), split, train),
        "ridge VAR": lambda split, _: _fitted(RidgeVAR(split.pool.window), split, train),
        "ridge VAR, smoothed": lambda split, _: smoothed(_fitted(RidgeVAR(split.pool.window), split, train), split),
        "random": lambda split, _: _random(split, seed),
    }


def vae(split: Split) -> LSTMVAE:
    """Return the autoencoder that pays the DQN, as a scorer of its own, which is trained on the error it scores by."""
    agent = split.agent
    return LSTMVAE(
        split.pool.window,
        LSTMVAEOptions(latent=agent.vae_latent, beta=agent.vae_beta, error=agent.error, decoder="mlp", norm="l2"),
    )


def _dqn(split: Split, labels: torch.Tensor, intrinsic: Any, train: TrainOptions) -> Answer:
    agent = DQN(split.pool.window, replace(split.agent, intrinsic=intrinsic))
    agent.learn_from_labels(split.pool, labels, split.normal, split.active, train)
    return answers(agent, split)


def _fitted(scorer: Scorer, split: Split, train: TrainOptions) -> Answer:
    scorer.fit(split.unlabelled, options=train)
    return answers(scorer, split)


def _random(split: Split, seed: int) -> Answer:
    draw = np.random.default_rng(seed)
    return draw.random(len(split.pool)), draw.random(len(split.evaluated))


def logistic(split: Split, labels: torch.Tensor) -> Answer:
    """Logistic regression on flattened windows, standardised by what is unlabelled; classes weigh the same."""
    from sklearn.linear_model import LogisticRegression

    rows = split.unlabelled.store
    mean, std = rows.mean(0), rows.std(0).clamp_min(0.01)

    def flat(windows: WindowSet) -> np.ndarray:
        scaled = windows.map(lambda store: ((store - mean) / std).clamp(-10, 10))
        return scaled.gather(torch.arange(len(scaled))).flatten(1).numpy()

    known = (labels >= 0).numpy()
    if len(labels[labels >= 0].unique()) < 2:
        return np.zeros(len(split.pool)), np.zeros(len(split.evaluated))
    pool = flat(split.pool)
    model = LogisticRegression(class_weight="balanced", max_iter=2000).fit(pool[known], labels[known].numpy())
    return model.decision_function(pool), model.decision_function(flat(split.evaluated))


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
