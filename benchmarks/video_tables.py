"""The tables about telling an expert from others in videos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.cells import RESULTS

Records = list[dict[str, Any]]

_LIKELIHOOD = "video_likelihood, "
_PLAIN = f"{_LIKELIHOOD}VQ tokens"
SYSTEMS = {
    "video likelihood": _PLAIN,
    "semi-supervised masked autoencoder": "semi_supervised_mae, raw frames",
    "VadCLIP head": "vadclip, pixel PCA",
}
"""What is made for videos -> its arm."""
SIMPLE = {f"Deep SAD, {name}": f"deep_sad, {name}" for name in ("pixel PCA", "random convolution")}
EXPERT = 100
"""Seed of the expert of these."""


def videos(*metrics: str) -> str:
    """Return these metrics of every scorer of 64×64 frames, task by task: means over experts."""
    records = _read()
    return _by_task([one for one in records if one["arm"] == _PLAIN or not one["arm"].startswith(_LIKELIHOOD)], metrics)


def video_variants() -> str:
    """Return what else the video likelihood could be, on the tasks where that was tried."""
    records = [one for one in _read() if one["arm"].startswith(_LIKELIHOOD)]
    tried = {(one["task"], one["seed"]) for one in records if one["arm"] != _PLAIN}
    metrics = ("micro_auc", "half_trained_auc", "spearman")
    return _by_task([one for one in records if (one["task"], one["seed"]) in tried], metrics)


def video_systems() -> str:
    """Return the systems for videos beside the others, on one and the same expert; others by their best."""
    metrics = ("micro_auc", "half_trained_auc", "spearman")
    records = [one for one in _read() if one["seed"] == EXPERT]
    expert = {one["task"]: one["returns"] for one in records if one["arm"] == SIMPLE["Deep SAD, pixel PCA"]}
    seen = [one for one in records if one["returns"] == expert[one["task"]]]  # not of an expert that was trained again
    tasks = list(dict.fromkeys(one["task"] for one in seen if one["arm"] in SYSTEMS.values()))
    others = {one["arm"] for one in seen if "," in one["arm"] and not one["arm"].startswith(_LIKELIHOOD)}
    others -= {*SYSTEMS.values()}
    rows = {name: {arm} for name, arm in (SYSTEMS | SIMPLE).items()}
    rows[f"best of {len(others)} others, by figure"] = others
    lines = [f"| scorer | {' | '.join(tasks)} |", "|---|" + "---|" * len(tasks)]
    for name, arms in rows.items():
        cells = []
        for task in tasks:
            found = [one for one in seen if one["task"] == task and one["arm"] in arms]
            cells.append(" / ".join(f"{max(one[metric] for one in found):.3f}" for metric in metrics) if found else "–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def video_costs() -> str:
    """Return weights, the shortest fit and the greatest rate in bulk over all runs, which other programs disturbed."""
    lines = ["| scorer | weights | fit, s | frames/s in bulk |", "|---|---|---|---|"]
    for name, arm in (SYSTEMS | SIMPLE).items():
        runs = [one for one in _read() if one["arm"] == arm]
        weights = max(one.get("parameters", 0) for one in runs)
        least, most = min(one["fit_seconds"] for one in runs), max(one["frames_per_second"] for one in runs)
        lines.append(f"| {name} | {weights:,} | {least:.0f} | {most:,} |")
    return "\n".join(lines)


def _by_task(records: Records, metrics: Sequence[str]) -> str:
    """Return means over experts; their number is in the head, and in cells of fewer."""
    tasks, arms = (list(dict.fromkeys(record[key] for record in records)) for key in ("task", "arm"))
    experts = {task: len({record["seed"] for record in records if record["task"] == task}) for task in tasks}
    lines = [f"| scorer, encoder | {' | '.join(f'{task} ({experts[task]})' for task in tasks)} |"]
    lines.append("|---|" + "---|" * len(tasks))
    for arm in arms:
        cells = []
        for task in tasks:
            rows = [record for record in records if (record["arm"], record["task"]) == (arm, task)]
            fewer = f" ({len(rows)})" if len(rows) < experts[task] else ""
            means = [f"{np.mean([one[metric] for one in rows]):.3f}" for metric in metrics] if rows else []
            cells.append(" / ".join(means) + fewer if rows else "–")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _read() -> Records:
    return json.loads((RESULTS / "visual-detection.json").read_text(encoding="utf-8"))["records"]
