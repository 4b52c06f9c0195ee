"""What a few labels add: the DQN that asks for them against baselines that are given the same ones.

    python -m benchmarks.labels

Server Machine Dataset (a folder of six of its machines): what is normal is learned from the train file; the first half
of the test file is the pool in which labels may be asked for, for at most 1 % of its rows; the second half is only
evaluated. Synthetic Yahoo-like set: the train parts of all series are the pool, without known normal rows, the test
parts are evaluated; every series is standardised with its own train part, and one model serves all.

The labelled rows are those that the DQN asked for, of the greatest errors first; every method gets these. Its
threshold is the one with the best F1 on them. `smoothed` is a causal moving average over the window's length. How the
DQN learns and asks was chosen on ASD and on synthetic sets with seed 100; of SMD, machine-1-2 and machine-2-3 were
looked at in an earlier design, evaluation half included, the other four machines were not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.label_methods import Answer, answers, unsupervised, with_labels
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


BUDGETS = (0.0005, 0.001, 0.005)
"""Fractions of the pool that the agent may ask about, beside 1 %, at which everything is compared."""


def run(split: Split, seed: int, epochs: int) -> Iterator[dict[str, Any]]:
    """Yield the record of every method."""
    train = TrainOptions(epochs=epochs, windows_per_epoch=4000, seed=seed)
    agent = DQN(split.pool.window, split.agent)
    agent.fit(split.unlabelled, options=train)

    def oracle(positions: np.ndarray) -> np.ndarray:
        return split.pool_labels[positions].astype(int)

    for fraction in BUDGETS:
        active = replace(split.active, budget=max(1, round(fraction * len(split.pool))))
        began = time.perf_counter()
        known = agent.learn_actively(split.pool, oracle, split.normal, active, train, keep=True)
        yield _record(split, known.true, f"DQN, {fraction:.2%}", answers(agent, split), time.perf_counter() - began)
    began = time.perf_counter()
    known = agent.learn_actively(split.pool, oracle, split.normal, split.active, train, keep=True)
    seconds = time.perf_counter() - began
    lambdas = [round(value, 3) for value in agent.schedule[0]]
    yield _record(split, known.true, "DQN, 1.00%", answers(agent, split), seconds) | {"lambdas": lambdas}
    yield _record(split, known.true, "its errors, no labels", _errors(agent, split), 0.0)
    agent.options = replace(split.agent, intrinsic="none")
    began = time.perf_counter()
    agent.learn_from_labels(split.pool, known.true, split.normal, split.active, train, keep=True)
    yield _record(split, known.true, "DQN, no λ", answers(agent, split), time.perf_counter() - began)
    scores = {}
    for name, method in unsupervised(seed, train).items():
        began = time.perf_counter()
        scores[name] = method(split)
        yield _record(split, known.true, name, scores[name], time.perf_counter() - began)
    for name, learned in with_labels(scores, train).items():
        began = time.perf_counter()
        yield _record(split, known.true, name, learned(split, known.true), time.perf_counter() - began)


def _errors(agent: DQN, split: Split) -> Answer:
    """Return the errors that pay the agent, which is what it answers by without labels."""
    pool, evaluated = (
        torch.cat([agent.errors(batch) for batch in part.batches(2048)]).double().numpy()
        for part in (split.pool, split.evaluated)
    )
    return pool, evaluated


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
            if records.has(task=split.name, method="Deep SAD", seed=seed):  # the last one
                continue
            for record in run(split, seed, options.epochs):
                records.add(record | {"seed": seed, "epochs": options.epochs})
                print(record, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
