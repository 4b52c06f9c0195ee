"""The table about agents that are shown a goal and paid nothing by the environment."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.cells import RESULTS, cell

TASKS = ("reach", "door-close", "button-press-topdown", "maze")
ARMS = (
    "dense true reward",
    "sparse success",
    "clip",
    "goal frame",
    "forward–backward",
    "forward–backward, p-value",
    "clip + forward–backward",
    "video likelihood, RND",
    "active least-squares SAD",
)


def goals() -> str:
    """Return success in the last tenth of the episodes, by task and decisions, and how a reward rises along films."""
    records: list[dict[str, Any]] = json.loads((RESULTS / "goal-video.json").read_text(encoding="utf-8"))["records"]
    columns = sorted({(TASKS.index(record["task"]), record["steps"]) for record in records})
    header = " | ".join(f"{TASKS[task]}, {steps:,}" for task, steps in columns)
    lines = [f"| reward | {header} | along the films |", "|---|" + "---|" * (len(columns) + 1)]
    for arm in ARMS:
        rows = [record for record in records if record["arm"] == arm]
        cells = []
        for task, steps in columns:
            found = [row["success"] for row in rows if (row["task"], row["steps"]) == (TASKS[task], steps)]
            cells.append(f"{cell(found, '{:.2f}')} ({len(found)})" if found else "–")
        along = [row["along_films"] for row in rows if row.get("along_films") is not None]
        mean = f"{sum(along) / len(along):.2f}" if along else "–"  # over tasks, whose spread says nothing about seeds
        lines.append(f"| {arm} | {' | '.join(cells)} | {mean} |")
    return "\n".join(lines)
