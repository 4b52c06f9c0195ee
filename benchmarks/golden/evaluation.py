"""Golden numbers of evaluation: metrics, thresholds, detectors, benchmark, tuning, audit, files, checkers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.golden import evaluation_adapters as api
from benchmarks.golden.numbers import CASES, Case, case

# 4. Metrics and thresholds --------------------------------------------------------------------------------------------


def judged(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores (with more ties for some seeds) and flags of a series."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(rows, int)
    for start in rng.integers(0, rows, 6):
        labels[start : start + rng.integers(1, rows // 12)] = 1
    scores = np.round(rng.normal(size=rows) + labels, 1 + 4 * (seed % 3))
    return labels, scores, scores > np.quantile(scores, 0.9)


@case("metrics")
def _metrics() -> Iterator[tuple[str, Any]]:
    for seed in range(3):
        labels, scores, flags = judged(seed, 400)
        for name, value in api.metric_values(labels, scores, flags):
            yield f"{seed}/{name}", value


@case("thresholds")
def _thresholds() -> Iterator[tuple[str, Any]]:
    rng = np.random.default_rng(0)
    for name, scores in (
        ("normal", rng.normal(size=900)),
        ("heavy", rng.pareto(3, 2000)),
        ("ties", rng.poisson(3, 900)),
    ):
        for rule, value in api.thresholds(scores.astype(float)):
            yield f"{name}/{rule}", value


# 5. Detectors ---------------------------------------------------------------------------------------------------------


def detector_case(name: str) -> Case:
    """Return the case of one detector."""

    def run() -> Iterator[tuple[str, Any]]:
        task = api.synthetic(0, 600, 6)
        for alignment in ("causal", "centred"):
            yield alignment, api.detect(name, task, alignment)

    return run


for _name in (*api.DETECTOR_NAMES, "pyod:HBOS"):
    CASES[f"detectors/{_name}"] = detector_case(_name)


@case("synthetic")
def _synthetic() -> Iterator[tuple[str, Any]]:
    yield from zip(("learn", "judge", "labels"), api.task_parts(api.synthetic(0, 600, 6)), strict=True)
