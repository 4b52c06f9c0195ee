"""What twenty answers are worth on the rows around them that were not asked about, against random questions and none.

    python -m benchmarks.answers

The default detector learns from the training file. Questions are about stretches of 16 rows of the test file, and are
answered by the labels: anomalous where at least half of the rows are. All arms are evaluated on the rows of which none
was asked in any arm. How questions are chosen and what answers do was settled on ASD and on series of SMAP and MSL, for
which figures would not be independent of that choice. On SMD, another use of the answers (weights of columns, for rows
of later times) had been measured before and was given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.detection import DATA
from benchmarks.records import RESULTS, Records
from tsreward.detection import metrics
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.detectors.presets import DEFAULT, make_detector
from tsreward.detection.questions import ROWS, ask, lean, leaned
from tsreward.sequences.series import DetectionTask


@dataclass(frozen=True)
class Options:
    """What to run."""

    sets: tuple[str, ...] = ("smd", "asd")
    seeds: int = 3
    questions: int = 20
    out: Path = RESULTS


def main(options: Options) -> None:
    torch.set_num_threads(1)
    records = Records(options.out / "answers.json", key=("set", "series", "arm", "seed"))
    for name in options.sets:
        for task in LOADERS[name](DATA / name):
            for seed in range(options.seeds):
                if records.has(set=name, series=task.name, arm="asked", seed=seed):
                    continue
                for arm, found in run(task, seed, options.questions):
                    record = {"set": name, "series": task.name, "arm": arm, "seed": seed, **found}
                    records.add(record)
                    print(record, flush=True)


def run(task: DetectionTask, seed: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each arm gives."""
    labels = np.asarray(task.test.labels)
    inner = make_detector(DEFAULT, seed=seed, false_alarm_rate=None)
    detector = LogDetector(inner, false_alarm_rate=0.01).fit(task.train)
    scores, parts = np.asarray(detector.decision_function(task.test)), detector.explain(task.test)
    starts = np.random.default_rng(seed).choice(len(labels) // ROWS, count, replace=False) * ROWS
    arms = {
        "none": [],
        "random": [(int(start), int(start) + ROWS) for start in starts],
        "asked": [(one.start, one.stop) for one in ask(scores, parts, count)],
    }
    rest = np.ones(len(labels), dtype=bool)
    for start, stop in (span for spans in arms.values() for span in spans):
        rest[start:stop] = False
    for arm, spans in arms.items():
        anomalous = [bool(labels[start:stop].mean() >= 0.5) for start, stop in spans]
        found = leaned(scores, lean(parts, spans, anomalous), detector.held_out_scores_)
        value = metrics.average_precision(labels[rest], found[rest])
        yield arm, {"average_precision": value, "anomalous": sum(anomalous), "rows": int(rest.sum())}


if __name__ == "__main__":
    main(tyro.cli(Options))
