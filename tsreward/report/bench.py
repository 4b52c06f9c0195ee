"""The page of a benchmark: the table, and for every series the scores and the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.detection.bench.records import Record, read_scores
from tsreward.detection.bench.summary import METRICS, costs, summary
from tsreward.options import Options, option
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    INK,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    RED,
    TEAL,
    envelope,
    new_figure,
    runs,
    shade,
    svg_of,
)
from tsreward.report.page import check_reporting, render
from tsreward.sequences.series import DetectionTask

_FLOOR = 0.01


def telling_channels(task: DetectionTask, count: int = 3) -> list[int]:
    """Return the channels that differ most from their training mean in the anomalies, beyond what they do elsewhere.

    Distances are in standard deviations of the training rows, those at least a hundredth of the channel's range.

    >>> from tsreward.sequences.series import Series
    >>> train = Series(np.tile([[0.0], [1.0]], (10, 3)))
    >>> test = Series(np.array([[0, 0, 0], [1, 9, 0], [1, 0, 1]]), labels=np.array([0, 1, 0]))
    >>> telling_channels(DetectionTask("a", train, test), count=1)
    [1]
    """
    values, labels = task.test.values, task.test.labels
    assert labels is not None  # a DetectionTask has them
    std = np.maximum(task.train.values.std(axis=0), _FLOOR * np.ptp(values, axis=0))
    distance = np.abs(values - task.train.values.mean(axis=0)) / np.where(std > 0, std, 1.0)
    telling = np.zeros(values.shape[1])
    if labels.any():
        telling += distance[labels].mean(axis=0)
    if not labels.all():
        telling -= distance[~labels].mean(axis=0)
    return sorted(np.argsort(-telling, kind="stable")[:count].tolist())


_JOIN = 20


@dataclass(frozen=True)
class Mistake:
    """Rows from `start` up to but without `stop`, and the highest score among them."""

    kind: str
    """"false alarm" or "miss"."""
    start: int
    stop: int
    peak: float
    row: int
    """Where the highest score is."""


def mistakes(labels: np.ndarray, scores: np.ndarray, threshold: float, count: int = 3) -> list[Mistake]:
    """Return the flagged runs without an anomalous row that peak highest, then the anomalies whose peak stays furthest
    below the threshold; at most `count` of each.

    Flags with at most 20 rows between them are one alarm.

    >>> labels = np.arange(100) >= 90
    >>> scores = np.where(np.arange(100) == 30, 2.0, 0.5)
    >>> [(found.kind, found.start, found.stop, found.peak) for found in mistakes(labels, scores, threshold=1.0)]
    [('false alarm', 30, 31, 2.0), ('miss', 90, 100, 0.5)]
    """
    alarms = [found for found in runs(scores > threshold, _JOIN) if not labels[slice(*found)].any()]
    missed = [event for event in runs(labels) if not (scores[slice(*event)] > threshold).any()]
    false = sorted((_mistake("false alarm", run, scores) for run in alarms), key=lambda found: -found.peak)
    quiet = sorted((_mistake("miss", run, scores) for run in missed), key=lambda found: found.peak)
    return false[:count] + quiet[:count]


def _mistake(kind: str, run: tuple[int, int], scores: np.ndarray) -> Mistake:
    row = run[0] + int(scores[slice(*run)].argmax())
    return Mistake(kind, *run, float(scores[row]), row)


CHANNEL_COLORS = (BLUE, ORANGE, GREEN)
SCORE_COLORS = (PURPLE, PINK, OLIVE, TEAL)


def overview(task: DetectionTask, scores: Sequence[tuple[np.ndarray, float | None]]) -> str:
    """Draw the telling channels of the test rows above one panel per detector: (scores [T], threshold or None)."""
    labels = _labels(task)
    figure = new_figure(9.0, 1.5 + 1.1 * len(scores) + 0.3)
    top, *panels = np.atleast_1d(figure.subplots(1 + len(scores), sharex=True, height_ratios=[1.4] + [1] * len(scores)))
    for color, channel in zip(CHANNEL_COLORS, telling_channels(task), strict=False):
        top.plot(*envelope(task.test.values[:, channel]), color=color, linewidth=0.8)
    top.set_ylabel("values")
    for axis, color, (values, threshold) in zip(panels, SCORE_COLORS, scores, strict=False):
        axis.plot(*envelope(values), color=color, linewidth=0.8)
        if threshold is not None:
            axis.axhline(threshold, color=RED, linewidth=0.8, linestyle="--")
        axis.set_ylabel("score")
        if _is_skewed(values):
            axis.set_yscale("log")
    for axis in (top, *panels):
        shade(axis, labels)
        axis.set_xlim(0, len(labels))
    panels[-1].set_xlabel("row")
    figure.subplots_adjust(left=0.07, right=0.98, top=0.98, bottom=0.38 / figure.get_figheight(), hspace=0.12)
    return svg_of(figure)


def closeups(task: DetectionTask, scores: np.ndarray, threshold: float, found: Sequence[Mistake]) -> str:
    """Draw the score around each mistake, numbered from 1."""
    labels, size = _labels(task), 6
    figure = new_figure(9.0, 1.5)
    for position, (axis, mistake) in enumerate(zip(figure.subplots(1, size), [*found, *[None] * size], strict=False)):
        if mistake is None:
            axis.remove()
            continue
        around = max(50, mistake.stop - mistake.start)
        start, stop = max(0, mistake.start - around), min(len(scores), mistake.stop + around)
        axis.plot(*envelope(scores[start:stop], start, bins=80), color=SCORE_COLORS[0], linewidth=0.8)
        axis.axhline(threshold, color=RED, linewidth=0.8, linestyle="--")
        shade(axis, labels[start:stop], start)
        axis.set_xlim(start, stop)
        axis.set_xticks([mistake.row])
        axis.set_yticks([])
        axis.set_title(f"{position + 1}: {mistake.kind}", fontsize=8, color=INK)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.85, bottom=0.16, wspace=0.05)
    return svg_of(figure)


def _labels(task: DetectionTask) -> np.ndarray:
    assert task.test.labels is not None  # a DetectionTask has them
    return task.test.labels


def _is_skewed(scores: np.ndarray) -> bool:
    """Tell whether a linear axis would show peaks and nothing else."""
    return scores.min() > 0 and scores.max() > 50 * np.median(scores)


@dataclass(frozen=True)
class PageOptions(Options):
    """How much is drawn."""

    detectors: int = option(2, low=0)
    """Detectors that are drawn, the best VUS-PR first; at most four."""
    figures: int = option(24, low=0)
    """Series that are drawn, in their order; the others are in the tables only."""


def render_bench(
    datasets: Mapping[str, Sequence[DetectionTask]],
    records: Sequence[Record],
    folder: Path,
    title: str = "Benchmark",
    options: PageOptions | None = None,
) -> str:
    """Return the page of records that `tsreward.detection.bench.runner.run` made of these data in this folder.

    Figures are of the first seed. The page holds no script and refers to nothing outside itself; the same records give
    the same page.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    check_reporting()
    options = options or PageOptions()
    rows = summary(records)
    names = list(dict.fromkeys(str(row["detector"]) for row in rows if row["vus_pr"] is not None))
    chosen = names[: min(options.detectors, len(SCORE_COLORS))]
    sections, left = [], options.figures
    for dataset, tasks in datasets.items():
        for task in tasks:
            here = [found for found in records if (found.cell.dataset, found.cell.series) == (dataset, task.name)]
            sections.append(_section(dataset, task, here, chosen if left > 0 else [], Path(folder) / "results"))
            left -= 1
    several = len(datasets) > 1
    return render(
        "tsreward.report",
        "bench.html",
        title=title,
        rows=rows,
        metrics=METRICS,
        partial=any(row[f"{name}_series"] != row["series"] for row in rows for name in METRICS),
        costs=costs(records),
        sections=sections,
        chosen=chosen,
        several=several,
    )


def _section(
    dataset: str, task: DetectionTask, records: Sequence[Record], chosen: Sequence[str], results: Path
) -> dict[str, Any]:
    """Return what the template shows of one series."""
    first = {}
    for record in records:
        first.setdefault(record.cell.detector, record)
    drawn = []
    for name in chosen:
        scores = read_scores(results, first[name]) if name in first and first[name].metrics else None
        if scores is not None:
            drawn.append((name, scores[1], first[name].metrics["threshold"]))
    labels, index = task.test.labels, task.test.index
    assert labels is not None  # a DetectionTask has them
    section: dict[str, Any] = {
        "dataset": dataset,
        "name": task.name,
        "rows": len(task.test),
        "columns": task.test.dim,
        "learned": len(task.train),
        "fraction": float(labels.mean()),
        "results": [record for record in records if record.error is None],
        "failures": [record for record in records if record.error is not None],
        "incomplete": [record for record in records if record.error is None and record.missing is not None],
        "drawn": [name for name, _, _ in drawn],
    }
    if drawn:
        best, scores, threshold = drawn[0]
        found = [] if threshold is None else mistakes(labels, scores, threshold)
        section |= {
            "overview": overview(task, [(scores, threshold) for _, scores, threshold in drawn]),
            "channels": list(zip(CHANNEL_COLORS, map(task.test.column, telling_channels(task)), strict=False)),
            "legend": list(zip(SCORE_COLORS, (name for name, _, _ in drawn), strict=False)),
            "best": best,
            "threshold": threshold,
            "mistakes": [
                (mistake, None if index is None else str(index[mistake.row]).replace("T", " ")) for mistake in found
            ],
            "closeups": closeups(task, scores, threshold, found) if found and threshold is not None else "",
        }
    return section
