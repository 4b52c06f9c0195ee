"""The table about alarms of trainings: which rang, where, and how early."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.audit_outcomes import watched_trainings
from benchmarks.cells import RESULTS
from tsreward.data.alarms import ALARMS, DEFAULT, FIRST_LOOK, GROWTH, Watched, find_alarms
from tsreward.data.episode_rows import EpisodeRow
from tsreward.functional.trend import mann_kendall

WORKED = 0.8
"""Least part of the way from random actions to the expert that an agent comes whose training worked."""
EARLY = 1 / 3
"""Part of a training before which an alarm is early, and after which a plain baseline decides."""
_USUAL = 1.64


class Run(NamedTuple):
    """A training whose end is known."""

    rows: list[EpisodeRow]
    steps: int
    worked: bool


def runs() -> list[Run]:
    """Return all runs that there are."""
    return [Run(_rows(one), one["steps"], one["reached"] >= WORKED) for one in watched_trainings()]


def reward_watch() -> str:
    """Return one row per signal: how often it rings in trainings that fail and in those that work, and when."""
    every = runs()
    signals: dict[str, Callable[[Run], float | None]] = {
        f"{code}: {kind.title}": lambda run, code=code: _alarm(run, [code]) for code, kind in ALARMS.items()
    }
    signals["**any that rings by default**"] = lambda run: _alarm(run, DEFAULT)
    signals["learned return alone: it has not risen in the first third"] = _flat
    signals["episode length alone: it falls"] = _shorter
    titles = (
        "signal",
        "rings in failed runs",
        "in successful ones",
        "precision",
        "first, median part",
        "before a third",
    )
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    lines += [_row(name, signal, every) for name, signal in signals.items()]
    failed = sum(not run.worked for run in every)
    ending = f"Trainings: {len(every)}, of which {failed} failed."
    return "\n".join([*lines, "", ending])


def controllers() -> str:
    """Return one row per reward, one column per task: how far agents came that were paid by it."""
    records = watched_trainings()
    reached: dict[str, dict[str, list[float]]] = {}
    for one in records:
        reached.setdefault(one["arm"], {}).setdefault(one["task"], []).append(one["reached"])
    tasks = sorted({one["task"] for one in records})
    lines = [f"| reward | {' | '.join(tasks)} |", "|---" * (len(tasks) + 1) + "|"]
    for arm, by_task in sorted(reached.items(), key=lambda item: item[0] != "true reward"):
        cells = [", ".join(f"{value:.2f}" for value in by_task.get(task, [])) or "–" for task in tasks]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def overhead() -> str:
    """Return one row per way to train: the part of processor time that a watch takes."""
    records = json.loads((RESULTS / "watch-overhead.json").read_text(encoding="utf-8"))["records"]
    lines = ["| agent | decisions | processor seconds | of these, the watch |", "|---|---|---|---|"]
    lines += [f"| {one['case']} | {one['steps']:,} | {one['seconds']:.1f} | {one['fraction']:.1%} |" for one in records]
    return "\n".join(lines)


def _row(name: str, signal: Callable[[Run], float | None], every: Sequence[Run]) -> str:
    bad, good = ([signal(run) for run in every if run.worked is worked] for worked in (False, True))
    rung = [at for at in bad if at is not None]
    false = sum(at is not None for at in good)
    precision = f"{len(rung) / (len(rung) + false):.0%}" if len(rung) + false else "–"
    when = f"{np.median(rung):.2f}" if rung else "–"
    early = f"{sum(at <= EARLY for at in rung)} of {len(bad)}"
    return f"| {name} | {len(rung)} of {len(bad)} | {false} of {len(good)} | {precision} | {when} | {early} |"


def _alarm(run: Run, codes: Sequence[str]) -> float | None:
    """Return the part of the training after which one of the alarms rings first."""
    rung = find_alarms(run.rows, codes)
    return rung[0].step / run.steps if rung else None


def _flat(run: Run) -> float | None:
    begun = [row for row in run.rows if row.step <= EARLY * run.steps]
    if not begun:
        return None
    paid = Watched(begun).paid
    return None if mann_kendall(np.array([getattr(row, paid) for row in begun])).z > _USUAL else EARLY


def _shorter(run: Run) -> float | None:
    lengths, number = np.array([row.length for row in run.rows]), FIRST_LOOK
    while number <= len(lengths):
        if mann_kendall(lengths[:number]).z < -_USUAL:
            return run.rows[number - 1].step / run.steps
        number = max(number + 1, int(GROWTH * number))  # as often as alarms look
    return None


def _rows(record: dict[str, Any]) -> list[EpisodeRow]:
    return [EpisodeRow(int(row[0]), int(row[1]), *row[2:]) for row in record["rows"]]
