"""What a few labels add: the DQN that asks for them against baselines that are given the same ones.

    python -m benchmarks.labels

Server Machine Dataset (a folder of six of its machines): what is normal is learned from the train file; the first half
of the test file is the pool in which labels may be asked for, for at most 1 % of its rows; the second half is only
evaluated. Synthetic Yahoo-like set: the train parts of all series are the pool, without known normal rows, the test
parts are evaluated; every series is standardised with its own train part, and one model serves all.

The labelled rows are those that the isolation forest and the DQN with the action-dependent reward asked for; every
method gets these. Its threshold is the one with the best F1 on them. `smoothed` is a causal moving average over the
window's length. While designing, machine-1-2 and machine-2-3 were looked at, evaluation half included, and the
synthetic set with seed 100; the other four machines were not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.records import RESULTS, Records
from tsreward.data.logs.smd import load_smd
from tsreward.data.logs.synthetic import yahoo_like
from tsreward.detectors.alignment import moving_average
from tsreward.evaluation.metrics import average_precision, roc_auc
from tsreward.scorers.base import Scorer
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.dqn.active import ActiveOptions
from tsreward.scorers.dqn.joining import joined
from tsreward.scorers.dqn.options import FEW_LABELS, DQNOptions
from tsreward.scorers.dqn.scorer import DQN
from tsreward.scorers.lstm_vae import LSTMVAE, LSTMVAEOptions
from tsreward.scorers.pca import PCA, PCAOptions
from tsreward.scorers.var import RidgeVAR
from tsreward.training import TrainOptions
from tsreward.windows import WindowSet


@dataclass(frozen=True)
class Options:
    """What to run; finished parts are left out."""

    smd: Path = Path("../shared/data/smd")
    machines: tuple[str, ...] = ()
    """Machines by name; none of them is all that there are."""
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 20
    out: Path = RESULTS / "labels.json"


@dataclass(frozen=True)
class Split:
    """Windows to learn what is normal from (None: the pool), to ask about, and to evaluate, with labels."""

    name: str
    normal: WindowSet | None
    pool: WindowSet
    pool_labels: np.ndarray
    evaluated: WindowSet
    labels: np.ndarray
    agent: DQNOptions
    active: ActiveOptions

    @property
    def size(self) -> tuple[int, int]:
        """Window and columns."""
        return self.pool.window, self.pool.store.shape[1]

    @property
    def unlabelled(self) -> WindowSet:
        return self.pool if self.normal is None else self.normal


Answer = tuple[np.ndarray, np.ndarray]
"""Scores of the windows of the pool and of those to evaluate."""


def smd_splits(options: Options) -> Iterator[Split]:
    """Yield one split per machine."""
    for task in load_smd(options.smd, options.machines or None):
        half, labels = len(task.test) // 2, np.asarray(task.test.labels)
        parts = [torch.from_numpy(part.values) for part in (task.train, task.test)]
        normal, pool, evaluated = (
            WindowSet.from_episodes([rows], 16) for rows in (parts[0], parts[1][:half], parts[1][half:])
        )
        active = ActiveOptions(budget=len(pool) // 100)
        yield Split(task.name, normal, pool, labels[:half], evaluated, labels[half:], FEW_LABELS, active)


def yahoo_split(seed: int) -> Split:
    """Return the split of a synthetic set."""
    series: dict[str, list[np.ndarray]] = {"pool": [], "pool_labels": [], "evaluated": [], "labels": []}
    for task in yahoo_like(seed):
        mean, std = task.train.values.mean(), task.train.values.std()
        for part, name, known in ((task.train, "pool", "pool_labels"), (task.test, "evaluated", "labels")):
            series[name].append((part.values - mean) / std)
            series[known].append(np.asarray(part.labels))
    pool, evaluated = (WindowSet.from_episodes(series[name], 24) for name in ("pool", "evaluated"))
    pool_labels, labels = (np.concatenate(series[name]) for name in ("pool_labels", "labels"))
    # Its anomalies are single rows.
    agent = replace(FEW_LABELS, error="last", vae_latent=16, vae_beta=0.01)
    active = ActiveOptions(budget=len(pool) // 100, forest="last")
    return Split("yahoo_like", None, pool, pool_labels, evaluated, labels, agent, active)


def run(split: Split, seed: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Yield the record of every method."""
    train = TrainOptions(epochs=epochs, windows_per_epoch=4000, seed=seed)
    agent = DQN(*split.size, split.agent)
    began = time.perf_counter()
    known = agent.learn_actively(
        split.pool,
        lambda positions: split.pool_labels[positions].astype(int),
        split.normal,
        split.active,
        train,
    )
    seconds = time.perf_counter() - began
    lambdas = [round(value, 3) for value in agent.schedule[0]]
    yield _record(split, known.true, "DQN, action-dependent λ", answers(agent, split), seconds) | {"lambdas": lambdas}
    for name, method in methods(seed, train).items():
        began = time.perf_counter()
        answer = method(split, known.true)
        yield _record(split, known.true, name, answer, time.perf_counter() - began)


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
        "PCA": lambda split, _: _fitted(PCA(*split.size), split, train),
        "PCA, smoothed": lambda split, _: smoothed(_fitted(PCA(*split.size), split, train), split),
        "PCA of the window": lambda split, _: _fitted(PCA(*split.size, PCAOptions(steps="window")), split, train),
        "ridge VAR": lambda split, _: _fitted(RidgeVAR(*split.size), split, train),
        "ridge VAR, smoothed": lambda split, _: smoothed(_fitted(RidgeVAR(*split.size), split, train), split),
        "random": lambda split, _: _random(split, seed),
    }


def vae(split: Split) -> LSTMVAE:
    """Return the autoencoder that pays the DQN, as a scorer of its own, which is trained on the error it scores by."""
    agent = split.agent
    return LSTMVAE(
        *split.size,
        LSTMVAEOptions(latent=agent.vae_latent, beta=agent.vae_beta, error=agent.error, decoder="mlp", norm="l2"),
    )


def _dqn(split: Split, labels: torch.Tensor, intrinsic: Any, train: TrainOptions) -> Answer:
    agent = DQN(*split.size, replace(split.agent, intrinsic=intrinsic))
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
    normal = rest if split.normal is None else joined([split.normal, rest])
    scorer = DeepSVDD(*split.size)
    scorer.fit(normal, split.pool.where(labels == 1) if (labels == 1).any() else None, train)
    return answers(scorer, split)


@torch.inference_mode()
def answers(scorer: Scorer, split: Split) -> Answer:
    """Return the scores of a fitted scorer."""
    pool, evaluated = (
        torch.cat([scorer(batch) for batch in part.batches(1024)]).double().numpy()
        for part in (split.pool, split.evaluated)
    )
    return pool, evaluated


def smoothed(answer: Answer, split: Split) -> Answer:
    """Return scores averaged over the last rows of a window's length, within every series."""
    parts = []
    for scores, windows in zip(answer, (split.pool, split.evaluated), strict=True):
        borders = np.flatnonzero(np.diff(windows.first.numpy())) + 1
        parts.append([moving_average(part, windows.window, "causal") for part in np.split(scores, borders)])
    return np.concatenate(parts[0]), np.concatenate(parts[1])


def best_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the threshold of best F1, halfway to the next lower score; without anomalies, just above all scores."""
    order = np.argsort(-scores, kind="stable")
    hits, flagged = np.cumsum(labels[order]), np.arange(1, len(order) + 1)
    if not hits[-1]:
        return float(np.nextafter(scores.max(), np.inf))
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # ties are flagged together
    end = ends[(2 * hits / (flagged + hits[-1]))[ends].argmax()]
    return float(ranked[end] + ranked[min(end + 1, len(ranked) - 1)]) / 2


def point_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Return 2 TP / (2 TP + FP + FN), row by row."""
    return float(2 * (labels & flags).sum() / max(1, labels.sum() + flags.sum()))


def _record(split: Split, known: torch.Tensor, method: str, answer: Answer, seconds: float) -> dict[str, Any]:
    rows = (known >= 0).numpy()
    threshold = best_threshold(known.numpy()[rows], answer[0][rows])
    return {
        "task": split.name,
        "method": method,
        "average_precision": round(average_precision(split.labels, answer[1]), 4),
        "f1": round(point_f1(split.labels, answer[1] >= threshold), 4),
        "roc_auc": round(roc_auc(split.labels, answer[1]), 4),
        "labels": int(rows.sum()),
        "anomalies": int((known == 1).sum()),
        "pool_anomalies": int(split.pool_labels.sum()),
        "seconds": round(seconds, 2),
    }


def show(records: list[dict[str, Any]]) -> None:
    """Print the means over tasks, and over seeds with their spread."""
    for kind, wanted in (("Server Machine Dataset", False), ("Yahoo-like", True)):
        rows = [record for record in records if (record["task"] == "yahoo_like") is wanted]
        table = Table("method", "AU-PR", "F1", "ROC", "labels", "anomalies", "seconds", title=kind)
        for method in dict.fromkeys(record["method"] for record in rows):
            cells = []
            for column in ("average_precision", "f1", "roc_auc", "labels", "anomalies", "seconds"):
                seeds = sorted({row["seed"] for row in rows})
                means = [
                    np.mean([r[column] for r in rows if r["method"] == method and r["seed"] == seed]) for seed in seeds
                ]
                exact = column in ("average_precision", "f1", "roc_auc")
                cells.append(f"{np.mean(means):.3f} ± {np.std(means):.3f}" if exact else f"{np.mean(means):.1f}")
            table.add_row(method, *cells)
        Console(width=120).print(table)


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out, key=("task", "method", "seed"))
    for seed in options.seeds:
        for split in (yahoo_split(seed), *smd_splits(options)):
            if records.has(task=split.name, method="random", seed=seed):  # the last one
                continue
            for record in run(split, seed, options.epochs):
                records.add(record | {"seed": seed, "epochs": options.epochs})
                print(record, flush=True)
    show(records.read())


if __name__ == "__main__":
    main(tyro.cli(Options))
