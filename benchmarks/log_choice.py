"""Which detector of logs is recommended: chosen on all sets but one, and reported on that one.

    python -m benchmarks.log_choice

Candidates are scorers in closed form, one or two of them, each with several rules of smoothing. A candidate's merit on
some sets is the mean over sets of the mean over protocols of the mean over series of VUS-PR, causal. For every set the
best candidate on the others is named, with what it reaches on the set that it did not see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import torch

from benchmarks.detection import DATA, SETS
from benchmarks.records import RESULTS, commit, device
from tsreward.detection import metrics
from tsreward.detection.bench.evaluate import PROTOCOLS
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.composed import Side, floors, geometric_mean, moving_average
from tsreward.detection.detectors.presets import DETECTORS, WIDTHS
from tsreward.detection.detectors.windows import FAR, WindowDetector
from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions
from tsreward.scorers.ridge_var import RidgeVAR, RidgeVAROptions
from tsreward.sequences.series import DetectionTask

MEMBERS = ("ridge_var", "knn", "mahalanobis", "mahalanobis_window", "pca", "z_norm")
FLOORS = (0.01, 0.02, 0.05, 0.1)
"""Of the residuals of a ridge VAR that are scaled."""
SMOOTHING = {
    "10": (10,),
    "4, 16, 64": (4, 16, 64),
    "1, 4, 16, 64": WIDTHS,
    "1, 4, 16, 64, 256": (*WIDTHS, 256),
}
FAMILY = {"smd": "SMD", "smd-split": "SMD", "asd": "ASD", "asd-split": "ASD"} | {
    "telemanom-split": "SMAP and MSL",
    "nab-split": "NAB",
    "planted": "planted",
}
"""Set and protocol -> the set that is left out as a whole."""


def detectors() -> dict[str, WindowDetector]:
    """Return the members, by name."""
    found = {name: DETECTORS[name](0) for name in MEMBERS}
    for floor in FLOORS:
        options = RidgeVAROptions(clip=FAR, scale_residuals=True, residual_floor=floor)
        found[f"ridge_var, residuals scaled from {floor}"] = WindowDetector(RidgeVAR, 11, options)
    for one in found.values():
        one.false_alarm_rate = None
    return found  # pyright: ignore[reportReturnType]


def tasks(name: str) -> list[DetectionTask]:
    """Return the series of a set."""
    if name == "planted":
        return smd_like(seed=0, count=6)
    protocol, kind = SETS[name]
    return [PROTOCOLS[protocol](task) for task in LOADERS[kind](DATA / kind)]


def candidates(members: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield one member or two; two ridge VARs say the same."""
    for number in (1, 2):
        for chosen in combinations(members, number):
            if sum(name.startswith("ridge_var") for name in chosen) < 2:
                yield chosen


def measured(task: DetectionTask, side: Side = "causal") -> dict[str, float]:
    """Return VUS-PR of every candidate on one series."""
    scores: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, detector in detectors().items():
        detector.fit(task.train)
        scores[name] = detector.scores(task.train), detector.decision_function(task.test)
    window, found = metrics.vus_window(task.test), {}
    for chosen in candidates(list(scores)):
        train, test = ([scores[name][part] for name in chosen] for part in (0, 1))
        if len(chosen) > 1:
            least = floors(train)
            train, test = [geometric_mean(train, least)], [geometric_mean(test, least)]
        for rule, widths in SMOOTHING.items():
            averages = [moving_average(test[0], width, side) for width in widths]
            least = floors([moving_average(train[0], width, side) for width in widths])
            smooth = averages[0] if len(widths) == 1 else geometric_mean(averages, least)
            assert task.test.labels is not None
            found[f"{' + '.join(chosen)}; {rule}"] = round(metrics.vus(task.test.labels, smooth, window).pr, 5)
    return found


def merits(values: dict[str, dict[str, float]], without: str | None) -> dict[str, float]:
    """Return the merit of every candidate on the sets but one, from means over series: candidate -> set -> mean."""
    merit = {}
    for candidate, by_set in values.items():
        families: dict[str, list[float]] = {}
        for name, value in by_set.items():
            families.setdefault(FAMILY[name], []).append(value)
        merit[candidate] = float(np.mean([np.mean(found) for name, found in families.items() if name != without]))
    return merit


def main() -> None:
    torch.set_num_threads(1)
    values: dict[str, dict[str, float]] = {}
    for name in FAMILY:
        series = [measured(task) for task in tasks(name)]
        for candidate in series[0]:
            values.setdefault(candidate, {})[name] = round(float(np.mean([one[candidate] for one in series])), 4)
        print(name, len(series), flush=True)
    left_out = {}
    for family in dict.fromkeys(FAMILY.values()):
        merit = merits(values, family)
        best = max(merit, key=lambda candidate: merit[candidate])
        own = {name: values[best][name] for name in FAMILY if FAMILY[name] == family}
        top = {name: max(values, key=lambda c, name=name: values[c][name]) for name in own}
        left_out[family] = {
            "chosen": best,
            "vus_pr": own,
            "best": {name: [candidate, values[candidate][name]] for name, candidate in top.items()},
        }
    merit = merits(values, None)
    chosen = max(merit, key=lambda candidate: merit[candidate])
    made = {"commit": commit(), "device": device(), "versions": installed_versions()}
    content = {**made, "left_out": left_out, "chosen_on_all": chosen, "vus_pr": values}
    write_atomic(RESULTS / "log-choice.json", (json.dumps(content, indent=1) + "\n").encode())
    for family, found in left_out.items():
        print(family, found["chosen"], found["vus_pr"])
    print("all:", chosen, values[chosen])


if __name__ == "__main__":
    main()
