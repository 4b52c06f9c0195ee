"""The table of README.md: one row for each thing that the package is for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.cells import RESULTS, cell


def headline() -> str:
    """Return tasks with what a simple baseline, the learned reward and the truth lead to."""
    lines = ["| task | measure | baseline | tsreward | reference |", "|---|---|---|---|---|"]
    for name, task in (("hopper", "SafetyHopperVelocity-v1"), ("circle", "SafetyPointCircle1-v0")):
        records = _read(f"anoseqs-{name}")
        arms = ("vanilla", "Deep SAD, tail x8", "oracle: true cost, constant x8")
        lines.append(_row(task, "cost (return)", ("no penalty", "", "true cost"), [_costs(records, a) for a in arms]))
    records = _read("likeness")
    for task, name in (("swingup", "cartpole-swingup"), ("walker", "walker-walk")):
        arms = ("constant reward", "active least-squares SAD", "true reward")
        shares = [_shares(records, task, arm) for arm in arms]
        lines.append(_row(name, "fraction of the expert's return", ("constant reward", "", "true reward"), shares))
    pixels = _shares(records, "walker-pixels", "active least-squares SAD", 120_000)
    lines.append(_row("walker-walk, reward from 64×64 frames", "the same", ("", "", ""), ["–", pixels, "–"]))
    asd, labels = _read("detection-asd"), ("ridge VAR", "chosen on other sets", "random scores")
    chosen = _content("log-choice")["left_out"]["ASD"]["vus_pr"]["asd"]
    values = [_vus(asd, "ridge_var"), f"{chosen:.3f}", _vus(asd, "random")]
    lines.append(_row("Application Server Dataset, logs", "VUS-PR", labels, values))
    return "\n".join(lines)


def _row(task: str, measure: str, labels: tuple[str, ...], values: list[str]) -> str:
    cells = (f"{label}: {value}" if label else value for label, value in zip(labels, values, strict=True))
    return f"| {task} | {measure} | {' | '.join(cells)} |"


def _costs(records: list[dict[str, Any]], arm: str) -> str:
    runs = [record for record in records if record["arm"] == arm]
    mean = float(np.mean([run["return"] for run in runs]))
    return f"{cell([run['cost'] for run in runs], '{:.0f}')} ({mean:.0f})"


def _shares(records: list[dict[str, Any]], task: str, arm: str, steps: int | None = None) -> str:
    runs = [r for r in records if (r["task"], r["arm"]) == (task, arm) and steps in (None, r["steps"])]
    return cell([run["share"] for run in runs], "{:.2f}")


def _vus(records: list[dict[str, Any]], detector: str) -> str:
    """Return the mean over series, of causal scores that are averaged over 1 to 64 rows."""
    runs = [record["forms"]["widths"]["vus_pr"] for record in records if record["detector"] == detector]
    return cell([float(np.mean(run)) for run in runs], "{:.3f}")


def _read(name: str) -> list[dict[str, Any]]:
    return _content(name)["records"]


def _content(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
