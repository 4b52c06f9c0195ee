"""The tables about rewards from an expert's observations."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.cells import RESULTS, cell
from benchmarks.likeness_arms import ARMS, TASKS

REACHED = {"balance": 0.95, "swingup": 0.95, "reacher": 0.90, "walker": 0.90}
"""Task -> fraction of the expert's return that counts as reached."""


def sensors() -> str:
    """Return the fraction of the expert's return per arm and task: mean ± over runs, and how many runs reached it."""
    tasks = list(REACHED)
    records = [record for record in _read("likeness") if record["task"] in REACHED]
    lines = [f"| reward | {' | '.join(tasks)} |", "|---|" + "---|" * len(tasks)]
    for arm in (arm for arm in ARMS if any(record["arm"] == arm for record in records)):
        cells = [_shares([r for r in records if (r["arm"], r["task"]) == (arm, task)], REACHED[task]) for task in tasks]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def pixels() -> str:
    """Return the same, with returns, where the reward looks at frames, by budget and expert; training: last tenth."""
    lines = ["| task | reward | decisions | seeds | expert | random actions | training | agent | fraction |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    records = _read("likeness")
    for task in (name for name in TASKS if name not in REACHED):
        for arm in ARMS:
            runs = [record for record in records if (record["arm"], record["task"]) == (arm, task)]
            for steps, expert in dict.fromkeys((run["steps"], run["expert"]) for run in runs):
                rows = [run for run in runs if (run["steps"], run["expert"]) == (steps, expert)]
                rows = [row | {"training": float(np.mean(row["curve"][-(len(row["curve"]) // 10) :]))} for row in rows]
                keys = ("expert", "random", "training", "return")
                values = (cell([row[key] for row in rows], "{:.1f}") for key in keys)
                share = cell([row["share"] for row in rows], "{:.2f}")
                lines.append(f"| {task} | {arm} | {steps:,} | {len(rows)} | {' | '.join(values)} | {share} |")
    return "\n".join(lines)


def speed() -> str:
    """Return steps per second with and without a reward from frames, and frames per second in bulk."""
    content = json.loads((RESULTS / "pixels.json").read_text(encoding="utf-8"))
    lines = ["| walker-walk, one environment | steps/s |", "|---|---|"]
    lines += [f"| {row['arm']} | {row['steps_per_second']:,.0f} |" for row in content["steps"]]
    lines += ["", f"| {content['bulk']['episodes']} episodes in bulk | frames/s |", "|---|---|"]
    lines += [f"| {name} | {rate:,} |" for name, rate in content["bulk"]["frames_per_second"].items()]
    return "\n".join(lines)


def _shares(records: list[dict[str, Any]], reached: float) -> str:
    if not records:
        return "–"
    count = sum(record["share"] >= reached for record in records)
    return f"{cell([record['share'] for record in records], '{:.2f}')} ({count}/{len(records)})"


def _read(name: str) -> list[dict[str, Any]]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["records"]
