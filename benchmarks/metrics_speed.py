"""What VUS costs: the binned form against one buffer width and one threshold at a time, in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.metrics_speed

Both meet the same machine within a round, so the ratio is taken there; medians are reported. The slow form is
vectorised over rows, as published code is.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from benchmarks.records import RESULTS, commit, device
from tsreward.detection.metrics import vus
from tsreward.detection.metrics.labels import segments
from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions


@dataclass(frozen=True)
class Options:
    """How large the series is, and how often it is measured."""

    rows: int = 23_700
    """Rows of the series: a machine of SMD."""
    events: int = 10
    window: int = 125
    rounds: int = 3
    """Rounds of one slow and 20 fast evaluations each."""
    seed: int = 0
    out: Path = RESULTS / "metrics_speed.json"


def slow_vus(labels: np.ndarray, scores: np.ndarray, window: int) -> tuple[float, float]:
    """Return VUS-PR and VUS-ROC from all (window + 1) · 250 sets of predictions."""
    rows, positives = len(labels), int(labels.sum())
    starts, stops = segments(labels > 0)
    falling = -np.sort(-scores)
    predictions = [scores >= falling[place] for place in np.linspace(0, rows - 1, 250).astype(int)]
    areas = []
    for width in range(window + 1):
        half = width // 2
        weight = labels.astype(float)
        distance = np.arange(1, half + 1)
        for start, stop in zip(starts, stops, strict=True):
            behind, before = stop - 1 + distance, start - distance
            slope = np.sqrt(1 - distance / max(width, 1))
            weight[behind[behind < rows]] += slope[behind < rows]
            weight[before[before >= 0]] += slope[before >= 0]
        weight = np.minimum(weight, 1)
        zones: list[list[int]] = []
        for start, stop in zip(starts - half, np.minimum(stops + half, rows), strict=True):
            if zones and start < zones[-1][1]:
                zones[-1][1] = stop
            else:
                zones.append([max(start, 0), stop])
        curve = [(0.0, 0.0, 1.0)]
        for flagged in predictions:
            true, number = weight @ flagged, flagged.sum()
            widened = positives + (true - (flagged & (labels > 0)).sum()) / 2
            found = sum(flagged[start:stop].any() for start, stop in zones) / len(zones)
            curve.append((min(true / widened, 1) * found, (number - true) / (rows - widened), true / number))
        pr = sum((b[0] - a[0]) * b[2] for a, b in itertools.pairwise(curve))
        curve.append((1.0, 1.0, 0.0))
        areas.append((pr, sum((b[1] - a[1]) * (a[0] + b[0]) / 2 for a, b in itertools.pairwise(curve))))
    pr, roc = np.mean(areas, axis=0)
    return float(pr), float(roc)


def main(options: Options) -> None:
    rng = np.random.default_rng(options.seed)
    labels = np.zeros(options.rows, int)
    for start in rng.integers(0, options.rows, options.events):
        labels[start : start + rng.integers(1, options.rows // 50)] = 1
    scores = rng.normal(size=options.rows) + labels
    slow, fast, ratios, differences = [], [], [], []
    for _ in range(options.rounds):
        began = time.perf_counter()
        expected = slow_vus(labels, scores, options.window)
        slow.append(time.perf_counter() - began)
        value, times = vus(labels, scores, options.window), []
        for _ in range(20):
            began = time.perf_counter()
            vus(labels, scores, options.window)
            times.append(time.perf_counter() - began)
        fast.append(statistics.median(times))
        ratios.append(slow[-1] / fast[-1])
        differences.append(max(abs(a - b) for a, b in zip(value, expected, strict=True)))
    record = {
        "metric": "vus",
        "milliseconds": round(1000 * statistics.median(fast), 2),
        "slow_milliseconds": round(1000 * statistics.median(slow), 1),
        "times_faster": round(statistics.median(ratios)),
        "times_faster_min": round(min(ratios)),
        "times_faster_max": round(max(ratios)),
        "largest_difference": max(differences),
    }
    content = {
        "rows": options.rows,
        "events": options.events,
        "window": options.window,
        "rounds": options.rounds,
        "seed": options.seed,
        "commit": commit(),
        "device": device(),
        "versions": installed_versions(),
        "records": [record],
    }
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())
    print(record)


if __name__ == "__main__":
    main(tyro.cli(Options))
