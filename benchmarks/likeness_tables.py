"""The tables about rewards from an expert's observations."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


_LIKELIHOOD = "video_likelihood, "
_PLAIN = f"{_LIKELIHOOD}VQ tokens"


def videos(*metrics: str) -> str:
    """Return these metrics of every scorer of 64×64 frames, task by task: means over experts."""
    records = _read("visual-detection")
    return _by_task([one for one in records if one["arm"] == _PLAIN or not one["arm"].startswith(_LIKELIHOOD)], metrics)


def video_variants() -> str:
    """Return what else the video likelihood could be, on the tasks where that was tried."""
    records = [one for one in _read("visual-detection") if one["arm"].startswith(_LIKELIHOOD)]
    tried = {(one["task"], one["seed"]) for one in records if one["arm"] != _PLAIN}
    metrics = ("micro_auc", "half_trained_auc", "spearman")
    return _by_task([one for one in records if (one["task"], one["seed"]) in tried], metrics)


def _by_task(records: list[dict[str, Any]], metrics: Sequence[str]) -> str:
    tasks, arms = (list(dict.fromkeys(record[key] for record in records)) for key in ("task", "arm"))
    experts = {task: len({record["seed"] for record in records if record["task"] == task}) for task in tasks}
    lines = [f"| scorer, encoder | {' | '.join(f'{task} ({experts[task]})' for task in tasks)} |"]
    lines.append("|---|" + "---|" * len(tasks))
    for arm in arms:
        cells = []
        for task in tasks:
            rows = [record for record in records if (record["arm"], record["task"]) == (arm, task)]
            cells.append(" / ".join(f"{_mean(rows, metric):.3f}" for metric in metrics) if rows else "–")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
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


def _mean(records: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([record[key] for record in records]))


def _read(name: str) -> list[dict[str, Any]]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["records"]
