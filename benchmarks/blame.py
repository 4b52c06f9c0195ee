"""Which channels detectors blame, against those that the labels of the Server Machine Dataset name.

    python -m benchmarks.blame

Every detector learns from the training file of each machine (split), smoothed over 10 rows (causal), with the options
that it has by default; nothing is chosen here. Every row within a labelled anomaly is explained. `random` blames at
random, `z_score` by the distance from the training mean in standard deviations, not smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.detection import DATA
from benchmarks.records import RESULTS, Records
from tsreward.detection.datasets.smd import FOLDER, Interpretation, load_smd, read_interpretation
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.metrics import hit_rate, ndcg
from tsreward.sequences.series import DetectionTask

BASELINES = ("random", "z_score")
DETECTORS = ("mahalanobis", "mahalanobis_window", "pca", "ridge_var", "knn", "forecaster", "lstm_vae", "ensemble")
SEEDED = {"random", "forecaster", "lstm_vae", "ensemble"}
METRICS = {
    "hit_rate_100": lambda truth, parts: hit_rate(truth, parts, 100),
    "hit_rate_150": lambda truth, parts: hit_rate(truth, parts, 150),
    "ndcg_100": lambda truth, parts: ndcg(truth, parts, 100),
    "ndcg_150": lambda truth, parts: ndcg(truth, parts, 150),
}


@dataclass(frozen=True)
class Options:
    """What to run."""

    detectors: tuple[str, ...] = (*BASELINES, *DETECTORS)
    seeds: int = 3
    out: Path = RESULTS


def main(options: Options) -> None:
    torch.set_num_threads(1)
    folder = DATA / "smd"
    tasks = load_smd(folder)
    spans = {
        task.name: read_interpretation(folder / FOLDER / "interpretation_label" / f"{task.name}.txt", task.test)
        for task in tasks
    }
    records = Records(options.out / "blame-smd.json", key=("detector", "seed"))
    for name in options.detectors:
        for seed in range(options.seeds if name in SEEDED else 1):
            if not records.has(detector=name, seed=seed):
                found = [measured(task, spans[task.name], blame(name, seed, task, spans[task.name])) for task in tasks]
                records.add({"detector": name, "seed": seed, "series": [task.name for task in tasks]} | columns(found))
                print(name, seed, {key: round(float(np.mean([one[key] for one in found])), 3) for key in found[0]})


def blame(name: str, seed: int, task: DetectionTask, spans: list[Interpretation]) -> list[np.ndarray]:
    """Return contributions [rows, D] of the rows of every span."""
    values = task.test.values
    if name == "random":
        rng = np.random.default_rng(seed)
        return [rng.random((span.end - span.start, task.test.dim)) for span in spans]
    if name == "z_score":
        std = np.maximum(task.train.values.std(0), 0.01 * np.ptp(task.train.values, axis=0))
        away = np.abs(values - task.train.values.mean(0)) / np.where(std > 0, std, 1.0)
        return [away[span.start : span.end] for span in spans]
    detector = make_detector(name, seed=seed, smoothing=10, false_alarm_rate=None).fit(task.train)
    return [detector.explain(task.test, span.start, span.end) for span in spans]


def measured(task: DetectionTask, spans: list[Interpretation], parts: list[np.ndarray]) -> dict[str, float]:
    """Return the mean of each metric over rows, and over anomalies, each with one ranking."""
    shown = np.zeros((len(spans), task.test.dim), dtype=bool)
    for number, span in enumerate(spans):
        shown[number, np.array(span.dims) - 1] = True
    rows = np.repeat(shown, [len(part) for part in parts], axis=0)
    means = np.stack([part.mean(0) for part in parts])
    by_row = {name: metric(rows, np.concatenate(parts)) for name, metric in METRICS.items()}
    return by_row | {f"span_{name}": metric(shown, means) for name, metric in METRICS.items()}


def columns(found: list[dict[str, float]]) -> dict[str, Any]:
    """Return columns over the machines."""
    return {key: [round(one[key], 4) for one in found] for key in found[0]}


if __name__ == "__main__":
    main(tyro.cli(Options))
