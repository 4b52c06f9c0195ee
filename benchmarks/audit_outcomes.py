"""What training did, from the result files of the benchmarks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.anoseqs_arms import ARMS, TASKS
from benchmarks.cells import RESULTS
from benchmarks.likeness_arms import ARMS as LIKENESS_ARMS

PENALTY, LIKENESS, FRESH = "penalty", "likeness", "fresh"
SEARCHED = 60.0
"""Seconds of a search, where no others are asked for."""
COST_SHARE, KEPT_SHARE, EXPERT_SHARE = 0.7, 0.5, 0.8
"""Most of vanilla's cost rate, least of its return and length, and least of the expert's return, where it worked."""


@dataclass(frozen=True)
class Outcome:
    """What training on one reward did, in means over seeds."""

    worked: bool
    measured: dict[str, float]


def penalty_outcomes(task: str) -> dict[str, Outcome]:
    """Return what training with every learned penalty of a task did, by arm; shares are of vanilla's mean."""
    runs = _by("arm", _records(f"anoseqs-{task}"))
    if "vanilla" not in runs:
        return {}
    vanilla = {key: _mean(runs["vanilla"], key) for key in ("cost_rate", "return", "length")}
    outcomes = {}
    for arm in TASKS[task].arms:
        if ARMS[arm].scorer is None or not ARMS[arm].train or arm not in runs:
            continue
        share = {key: round(_mean(runs[arm], key) / value, 4) for key, value in vanilla.items()}
        kept = min(share["return"], share["length"]) >= KEPT_SHARE
        outcomes[arm] = Outcome(share["cost_rate"] <= COST_SHARE and kept, share | {"seeds": len(runs[arm])})
    return outcomes


def likeness_outcomes() -> dict[tuple[str, str], Outcome]:
    """Return what training on every likeness did, by (task, arm)."""
    outcomes = {}
    for task, records in _by("task", _records("likeness")).items():
        for arm, runs in _by("arm", records).items():
            share, seeds = _mean(runs, "share"), {run["seed"] for run in runs}
            outcomes[task, arm] = Outcome(share >= EXPERT_SHARE, {"share": round(share, 4), "seeds": len(seeds)})
    return outcomes


def fresh_outcomes() -> dict[tuple[str, str, int], Outcome]:
    """Return what training on every frozen likeness of a controller did, by (task, arm, seed)."""
    frozen = [run for run in watched_trainings() if LIKENESS_ARMS[run["arm"]].learned.get("learning") == "frozen"]
    return {
        (run["task"], run["arm"], run["seed"]): Outcome(run["reached"] >= EXPERT_SHARE, {"share": run["reached"]})
        for run in frozen
    }


def watched_trainings() -> list[dict[str, Any]]:
    """Return the records of benchmarks/reward_watch.py, in the order of their files."""
    files = sorted((RESULTS / "reward-watch").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def _records(name: str) -> list[dict[str, Any]]:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["records"] if path.exists() else []


def _by(key: str, records: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {value: [row for row in records if row[key] == value] for value in dict.fromkeys(r[key] for r in records)}


def _mean(runs: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([run[key] for run in runs]))
