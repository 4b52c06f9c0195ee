"""Detectors on server logs and telemetry: fitted once per series and seed, evaluated as they are and smoothed.

    python -m benchmarks.detection                       # all sets, finished runs are not repeated
    python -m benchmarks.detection --sets smd --detectors pca ridge_var

Sets are read from ../shared/data. Under `tsb-ad` a detector learns from the first rows of the series that is judged
(the leaderboard's rule), under `split` from the set's own training part. Options of the detectors were chosen on the
six machines of SMD under tsb-ad, and on their training files with planted anomalies; ASD, SMAP, MSL and NAB took no
part in it. Published values stand in ../shared/data/tsb-ad.
"""

from __future__ import annotations

import csv
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.records import RESULTS, Records
from tsreward.detection.bench.evaluate import PROTOCOLS, evaluate
from tsreward.detection.bench.runner import PeakMemory
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.detectors.base import Detector, held_out_scores
from tsreward.detection.detectors.composed import Side, floors, geometric_mean, moving_average
from tsreward.detection.detectors.presets import DETECTORS, WIDTHS
from tsreward.detection.detectors.sklearn import pyod_detector
from tsreward.files import write_atomic
from tsreward.sequences.series import DetectionTask

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
SETS = {
    "smd": ("tsb-ad", "smd"),
    "asd": ("tsb-ad", "asd"),
    "smd-split": ("split", "smd"),
    "asd-split": ("split", "asd"),
    "telemanom-split": ("split", "telemanom"),
    "nab-split": ("split", "nab"),
}
"""Name -> (protocol, format, which is the folder's name too)."""
FORMS: dict[str, tuple[tuple[int, ...], Side]] = {
    "raw": ((1,), "causal"),
    "causal": ((10,), "causal"),
    "centred": ((10,), "centred"),
    "widths": (WIDTHS, "causal"),
    "widths_centred": (WIDTHS, "centred"),
}
"""Name -> rows and side of the moving averages, several of which are one by their geometric mean."""
SEEDED = {
    "deep_svdd",
    "dqn",
    "ensemble",
    "forecaster",
    "isolation_forest",
    "lstm_vae",
    "lstm_vae_whitened",
    "random",
    "transformer_ae",
    "untrained",
}
"""Detectors with a random part; the others give the same for every seed and run once."""
FOREIGN = ("pyod:HBOS", "pyod:ECOD")


@dataclass(frozen=True)
class Options:
    """What to run."""

    sets: tuple[str, ...] = tuple(SETS)
    detectors: tuple[str, ...] = (*DETECTORS, *FOREIGN)
    seeds: int = 3
    out: Path = RESULTS


def main(options: Options) -> None:
    torch.set_num_threads(1)
    write_published(options.out / "detection-published.json")
    for name in options.sets:
        protocol, kind = SETS[name]
        tasks = [PROTOCOLS[protocol](task) for task in LOADERS[kind](DATA / kind)]
        records = Records(options.out / f"detection-{name}.json", key=("detector", "seed"))
        for seed in range(options.seeds):
            for detector in options.detectors:
                if records.has(detector=detector, seed=seed) or (seed and detector not in SEEDED):
                    continue
                began = time.perf_counter()
                runs = [run(task, partial(made, detector, seed)) for task in tasks]
                records.add({"detector": detector, "seed": seed} | gathered(tasks, runs))
                vus = np.mean([run["forms"]["centred"]["vus_pr"] for run in runs])
                print(f"{name} {detector} {seed}: {vus:.3f} in {time.perf_counter() - began:.0f} s", flush=True)


def write_published(path: Path) -> None:
    """Keep the means over the six machines of what the leaderboard published."""
    with (DATA / "tsb-ad" / "vus_pr_smd.csv").open() as file:
        rows = list(csv.DictReader(file))
    methods = [name for name in rows[0] if name not in ("machine", "file")]
    means = {name: round(statistics.fmean(float(row[name]) for row in rows), 4) for name in methods}
    source = "TSB-AD-M leaderboard (Liu and Paparrizos, NeurIPS 2024), Apache-2.0, its results per series"
    content = {"source": source, "machines": [row["machine"] for row in rows], "vus_pr": means}
    write_atomic(path, (json.dumps(content, indent=1) + "\n").encode())


def made(name: str, seed: int) -> Detector:
    """Return a detector, not smoothed."""
    return pyod_detector(name.removeprefix("pyod:")) if name.startswith("pyod:") else DETECTORS[name](seed)


def run(task: DetectionTask, make: Callable[[], Detector]) -> dict[str, Any]:
    """Fit once, score once, and judge every form; the threshold needs a second fit, on the first three quarters."""
    detector, memory = make(), PeakMemory()
    detector.false_alarm_rate = None  # no second fit in the seconds
    began = time.perf_counter()
    detector.fit(task.train)
    fitted = time.perf_counter()
    test = detector.decision_function(task.test)
    scored = time.perf_counter()
    timings = {
        "fit_seconds": fitted - began,
        "points_per_second": len(test) / (scored - fitted),
        "peak_mb": memory.grown(),
    }
    train, normal = detector.scores(task.train), held_out_scores(make(), task.train)
    forms = {}
    for form, (widths, side) in FORMS.items():
        held, judged_scores = (smoothed(scores, train, widths, side) for scores in (normal, test))
        judged = evaluate(task, held, judged_scores)
        found = {name: value for name, value in vars(judged).items() if name != "threshold"}
        forms[form] = {name: None if value is None else round(float(value), 5) for name, value in found.items()}
    return {"forms": forms, **timings}


def smoothed(scores: np.ndarray, train: np.ndarray, widths: tuple[int, ...], side: Side) -> np.ndarray:
    """Return scores [T] as `Smoothed` makes them, by the scores [N] of the rows that were fitted."""
    if len(widths) == 1:
        return moving_average(scores, widths[0], side)
    least = min(float(train.min()), 0.0)
    fitted, found = (
        [moving_average(np.maximum(part - least, 0.0), width, side) for width in widths] for part in (train, scores)
    )
    return geometric_mean(found, floors(fitted))


def gathered(tasks: list[DetectionTask], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return columns over the series in place of one record each."""
    forms = {
        form: {metric: [run["forms"][form][metric] for run in runs] for metric in runs[0]["forms"][form]}
        for form in FORMS
    }
    return {
        "series": [task.name for task in tasks],
        "forms": forms,
        "fit_seconds": round(float(np.mean([run["fit_seconds"] for run in runs])), 4),
        "points_per_second": round(float(np.mean([run["points_per_second"] for run in runs]))),
        "peak_mb": round(max(run["peak_mb"] for run in runs), 1),
    }


if __name__ == "__main__":
    main(tyro.cli(Options))
