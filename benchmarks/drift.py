"""How many rows are flagged where 1 % is asked for, with the threshold of the training rows and with one that follows.

    python -m benchmarks.drift

Detectors learn from the training part (split), smoothed over 10 rows, causal. How the threshold follows was chosen on
ASD, for which the figures are not independent of that choice; SMD took no part. "static, same fraction" is the static
threshold that flags as many rows outside the labelled incidents as the adaptive one did, which only hindsight knows.
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
from tsreward.detection.adaptive import AdaptiveOptions, AdaptiveThreshold
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.detectors.presets import make_detector
from tsreward.detection.metrics.labels import any_within, segments

RATE = 0.01
RULES = {"adaptive": AdaptiveOptions(), "adaptive, as published": AdaptiveOptions(bound=None)}


@dataclass(frozen=True)
class Options:
    """What to run."""

    sets: tuple[str, ...] = ("smd", "asd")
    detectors: tuple[str, ...] = ("ridge_var", "mahalanobis")
    out: Path = RESULTS


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out / "drift.json", key=("set", "detector", "threshold", "seed"))
    for name in options.sets:
        for kind in options.detectors:
            if records.has(set=name, detector=kind, threshold="static", seed=0):
                continue
            rows: dict[str, list[dict[str, float]]] = {}
            tasks = LOADERS[name](DATA / name)
            for task in tasks:
                detector = make_detector(kind, smoothing=10, false_alarm_rate=RATE).fit(task.train)
                scores, labels = detector.decision_function(task.test), task.test.labels
                assert labels is not None  # a DetectionTask has them
                rows.setdefault("static", []).append(measured(scores > detector.threshold_, labels))
                for rule, how in RULES.items():
                    high, _ = AdaptiveThreshold(detector.held_out_scores_, RATE, options=how).push(scores)
                    found = measured(scores > high, labels)
                    level = np.quantile(scores[~labels], 1 - found["flagged"])
                    rows.setdefault(rule, []).append(found)
                    rows.setdefault(f"static, same fraction as {rule}", []).append(measured(scores > level, labels))
            for rule, found in rows.items():
                identity = {"set": name, "detector": kind, "threshold": rule, "seed": 0}
                records.add(identity | {"series": [task.name for task in tasks]} | columns(found))
                print(identity, columns(found), flush=True)


def measured(flags: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the flagged fraction outside the labelled incidents, and which of the rows and incidents inside."""
    return {
        "flagged": float(flags[~labels].mean()),
        "row_recall": float(flags[labels].mean()),
        "event_recall": float(any_within(flags, *segments(labels)).mean()),
    }


def columns(found: list[dict[str, float]]) -> dict[str, Any]:
    """Return columns over the series."""
    return {key: [round(one[key], 4) for one in found] for key in found[0]}


if __name__ == "__main__":
    main(tyro.cli(Options))
