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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.label_methods import Answer, answers, methods
from benchmarks.label_splits import Split, smd_splits, yahoo_split
from benchmarks.records import RESULTS, Records
from tsreward.detection.metrics import average_precision, f1, roc_auc
from tsreward.scorers.dqn.scorer import DQN
from tsreward.training import TrainOptions


@dataclass(frozen=True)
class Options:
    """What to run; finished parts are left out."""

    smd: Path = Path("../shared/data/smd")
    machines: tuple[str, ...] = ()
    """Machines by name; none of them is all that there are."""
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 20
    out: Path = RESULTS / "labels.json"


def run(split: Split, seed: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Yield the record of every method."""
    train = TrainOptions(epochs=epochs, windows_per_epoch=4000, seed=seed)
    agent = DQN(split.pool.window, split.agent)
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


def _record(split: Split, known: torch.Tensor, method: str, answer: Answer, seconds: float) -> dict[str, Any]:
    rows = (known >= 0).numpy()
    threshold = best_threshold(known.numpy()[rows], answer[0][rows])
    return {
        "task": split.name,
        "method": method,
        "average_precision": round(average_precision(split.labels, answer[1]), 4),
        "f1": round(f1(split.labels, answer[1] >= threshold), 4),
        "roc_auc": round(roc_auc(split.labels, answer[1]), 4),
        "labels": int(rows.sum()),
        "anomalies": int((known == 1).sum()),
        "pool_anomalies": int(split.pool_labels.sum()),
        "seconds": round(seconds, 2),
    }


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out, key=("task", "method", "seed"))
    for seed in options.seeds:
        for split in (yahoo_split(seed), *smd_splits(options.smd, options.machines)):
            if records.has(task=split.name, method="random", seed=seed):  # the last one
                continue
            for record in run(split, seed, options.epochs):
                records.add(record | {"seed": seed, "epochs": options.epochs})
                print(record, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
