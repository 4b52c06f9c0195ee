"""The studies of benchmarks.tuning, and what their settings are worth elsewhere."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import optuna
import torch

from benchmarks.detection import DATA
from benchmarks.records import Records, commit, device
from benchmarks.tuning import Options
from tsreward.cli.output import Stages
from tsreward.detection.bench.evaluate import PROTOCOLS
from tsreward.detection.datasets.reading import LOADERS
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.presets import make_detector
from tsreward.files import write_atomic
from tsreward.recipes.fitting import agreement_with_cost, hold_out
from tsreward.recipes.run_folder import installed_versions
from tsreward.tuning.anoseqs import HELD_OUT, AnoSeqsObjective, AnoSeqsTuning
from tsreward.tuning.detect import METRICS, DetectObjective, make_tuned
from tsreward.tuning.objective import Objective
from tsreward.tuning.results import CompleteTrial, Results, results
from tsreward.tuning.search import SearchOptions, search
from tsreward.tuning.search_spaces import search_space
from tsreward.tuning.space import Setting
from tsreward.tuning.study import OpenStudy, opened

TUNED_ON = ("machine-1-2", "machine-2-3")


def run(options: Options) -> None:
    """Run the parts."""
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for part in options.parts:
        if part == "circle":
            circle(options)
        else:
            protocol = part.removeprefix("smd-").removesuffix("-knn")
            smd(options, protocol, part, ["scorer=knn"] if part.endswith("-knn") else [])


def circle(options: Options) -> None:
    """Search for the front of return and cost, and evaluate settings of it; without a penalty for comparison."""
    tuning = AnoSeqsTuning(env="SafetyPointCircle1-v0", steps=options.steps, rollout=128)
    objective = AnoSeqsObjective(options.cache / "sources", tuning)
    found = searched(objective, "circle", options, options.trials or 40, with_front)
    records = Records(options.out / "tuning-circle.json", ("parameters", "seed", "steps"))
    for seed in options.seeds:
        for name, setting in {"vanilla": None, **found}.items():
            identity = {"parameters": setting or {}, "seed": seed, "steps": options.steps}
            if not records.has(**identity):
                record = agent_record(objective, setting, seed)
                records.add(identity | record)
                print("circle", name, seed, record, flush=True)


def with_front(found: Results) -> dict[str, CompleteTrial]:
    """Return the best trial, and those of the front with the most return at no more than the default's cost, and the
    least cost at no less than its return; some of them may be one.
    """
    chosen = {"best": found.best}
    if found.default is not None:
        episode_return, cost = found.default.values
        cheap = [one for one in found.front if one.values[1] <= cost]
        good = [one for one in found.front if one.values[0] >= episode_return]
        chosen["most return at the default's cost"] = max(cheap, key=lambda one: one.values[0])
        chosen["least cost at the default's return"] = min(good, key=lambda one: one.values[1])
    return chosen


def agent_record(objective: AnoSeqsObjective, setting: Setting | None, seed: int) -> dict[str, Any]:
    """Fit a setting on source agents of this seed, and train an agent of this seed on it; or on its own reward."""
    record, model = {}, None
    if setting is not None:
        learn, held = hold_out(objective.source_episodes(seed), HELD_OUT, seed)
        began = time.perf_counter()
        model = objective.fit(setting, learn, seed)
        record["fit_seconds"] = round(time.perf_counter() - began, 2)
        record["roc"], record["average_precision"] = agreement_with_cost(model, held)
    began = time.perf_counter()
    summary = objective.train(model, seed)
    return record | {"train_seconds": round(time.perf_counter() - began, 2)} | summary.as_json()


def smd(options: Options, protocol: str, study: str, fixed: list[str]) -> None:
    """Search for the detector of two machines, and evaluate it on the others."""
    tasks = {task.name: PROTOCOLS[protocol](task) for task in LOADERS["smd"](DATA / "smd")}
    objective = DetectObjective(
        tuple(tasks.pop(name) for name in TUNED_ON), space=search_space("detect", [*fixed, *options.fix])
    )
    found = searched(objective, study, options, options.trials or 100, lambda it: {"best": it.best})
    makers: dict[str, tuple[Setting, Callable[[int], Detector]]] = {
        name: (setting, lambda seed, setting=setting: make_tuned(setting, seed)) for name, setting in found.items()
    }
    makers["ensemble"] = {"detector": "ensemble"}, lambda seed: make_detector("ensemble", seed, false_alarm_rate=None)
    records = Records(options.out / "tuning-smd.json", ("protocol", "parameters", "seed"))
    for seed in options.seeds:
        for name, (parameters, make) in makers.items():
            identity = {"protocol": protocol, "parameters": parameters, "seed": seed}
            if records.has(**identity):
                continue
            record: dict[str, Any] = {"series": list(tasks)} | {metric: [] for metric in METRICS}
            for task in tasks.values():
                detector = make(seed)
                detector.fit(task.train)
                scores = detector.decision_function(task.test)
                for metric, of in METRICS.items():
                    record[metric].append(round(float(of(task, scores)), 5))
            records.add(identity | record)
            print(f"smd {protocol} {name} {seed}: VUS-PR {np.mean(record['vus_pr']):.3f}", flush=True)


def searched(
    objective: Objective,
    name: str,
    options: Options,
    trials: int,
    choose: Callable[[Results], Mapping[str, CompleteTrial]],
) -> dict[str, Setting]:
    """Go on with a study to its end, keep what it found, and return the default setting and those that are chosen."""
    objective.check()
    options.cache.mkdir(parents=True, exist_ok=True)
    with Stages() as stages, opened(str(options.cache / f"{name}.db"), objective) as study:
        objective.prepare(stages("preparation"))
        search(study, SearchOptions(trials=trials, workers=options.workers), stages("trials"))
        found, seconds = results(study), seconds_of(study)
    chosen = ({} if found.default is None else {"default": found.default}) | dict(choose(found))
    settings = {"default": objective.space.defaults()} | {label: one.setting for label, one in chosen.items()}
    content = {
        "commit": commit(),
        "device": device(),
        "versions": installed_versions(),
        "objective": objective.settings(),
        "search": asdict(SearchOptions(trials=trials, workers=options.workers)),
        "trial_seconds": {"median": round(statistics.median(seconds), 1), "sum": round(sum(seconds), 1)},
        "settings": settings,
        "chosen": {label: one.number for label, one in chosen.items()},
        "tried": [{"number": one.number, "values": one.values} for one in found.complete],
        **found.as_json(),
    }
    write_atomic(options.out / f"tuning-{name}-study.json", (json.dumps(content, indent=1) + "\n").encode())
    return settings


def seconds_of(study: OpenStudy) -> list[float]:
    """Return how long every trial ran that ended by itself."""
    ended = [trial.duration for trial in study.trials() if trial.state.name in ("COMPLETE", "PRUNED")]
    return [duration.total_seconds() for duration in ended if duration is not None]
