"""The page of a benchmark: the table, and for every series the scores and the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsreward.detection.bench.records import Record, read_scores
from tsreward.detection.bench.summary import METRICS, Row, best_detector, costs, summary
from tsreward.options import Options, option
from tsreward.report.drawing import (
    BLUE,
    GREEN,
    LIMIT,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    TEAL,
    Chart,
    Dots,
    Level,
    Line,
    Panel,
    Part,
    envelope,
    is_skewed,
    runs,
    shade,
)
from tsreward.report.page import LARGEST, check_reporting, render
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


def overview(task: DetectionTask, scores: Mapping[str, tuple[np.ndarray, float | None]]) -> Chart:
    """Draw the telling channels of the test rows above one panel per detector: name -> (scores [T], threshold)."""
    labels = _labels(task)
    anomalies, across = shade(labels, name="anomalies"), (0.0, float(len(labels)))
    lines = [
        Line(*envelope(task.test.values[:, channel]), color, column_name(task, channel))
        for color, channel in zip(CHANNEL_COLORS, telling_channels(task), strict=False)
    ]
    panels = [Panel([anomalies, *lines], y="values", x_range=across)]
    for color, (name, (values, threshold)) in zip(SCORE_COLORS, scores.items(), strict=False):
        parts: list[Part] = [anomalies, Line(*envelope(values), color, f"score of {name}")]
        if threshold is not None:
            parts.append(Level(threshold, LIMIT, "threshold"))
        last = len(panels) == len(scores)
        panels.append(Panel(parts, "row" if last else "", "score", x_range=across, log=is_skewed(values)))
    return Chart(panels, height=1.35, linked=True)


def column_name(task: DetectionTask, channel: int) -> str:
    """Return what a channel is called; one whose name is a number is called a column."""
    name = task.test.column(channel)
    return f"column {name}" if name.isdecimal() else name


def closeups(task: DetectionTask, scores: np.ndarray, threshold: float, found: Sequence[Mistake]) -> Chart:
    """Draw the score around each mistake, numbered from 1."""
    labels, panels = _labels(task), []
    for place, mistake in enumerate(found, start=1):
        around = max(50, mistake.stop - mistake.start)
        start, stop = max(0, mistake.start - around), min(len(scores), mistake.stop + around)
        parts: list[Part] = [
            shade(labels[start:stop], start),
            Line(*envelope(scores[start:stop], start, bins=80), SCORE_COLORS[0]),
            Level(threshold, LIMIT),
        ]
        title = f"{place}: {mistake.kind}"
        panels.append(Panel(parts, title=title, x_range=(start, stop), marked=mistake.row))
    return Chart(panels, columns=6, height=1.4, live=False)


def _labels(task: DetectionTask) -> np.ndarray:
    assert task.test.labels is not None  # a DetectionTask has them
    return task.test.labels


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

    Figures are of the first seed. The page refers to nothing outside itself; the same records give the same page.

    Raises:
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    check_reporting()
    options = options or PageOptions()
    rows = summary(records)
    names = list(dict.fromkeys(str(row["detector"]) for row in rows if row["vus_pr"] is not None))
    chosen = names[: min(options.detectors, len(SCORE_COLORS))]
    tasks = [(dataset, task) for dataset, several in datasets.items() for task in several]

    def rendered(figures: int) -> str:
        sections = []
        for place, (dataset, task) in enumerate(tasks):
            here = [found for found in records if (found.cell.dataset, found.cell.series) == (dataset, task.name)]
            drawn = chosen if place < figures else []
            sections.append(_section(dataset, task, here, drawn, Path(folder) / "results"))
        return render(
            "tsreward.report",
            "bench.html",
            title=title,
            verdicts=[
                best_detector([row for row in rows if row["dataset"] == dataset])
                for dataset in dict.fromkeys(row["dataset"] for row in rows)
            ],
            merits=_merits(rows, records),
            rows=rows,
            metrics=METRICS,
            partial=any(row[f"{name}_series"] != row["series"] for row in rows for name in METRICS),
            costs=costs(records),
            sections=sections,
            left_out=figures < len(tasks),
            drawn=figures,
            several=len(datasets) > 1,
        )

    figures = min(options.figures, len(tasks))
    page = rendered(figures)
    while figures and len(page.encode()) > LARGEST:
        figures = min(figures - 1, int(figures * 0.9 * LARGEST / len(page.encode())))
        page = rendered(figures)
    return page


def _merits(rows: Sequence[Row], records: Sequence[Record]) -> Chart | None:
    """Draw the VUS-PR of every detector, of each series and on average over all."""
    ranked = [row for row in rows if row["dataset"] == rows[0]["dataset"] and row["vus_pr"] is not None]
    if not ranked:
        return None
    names, half = [str(row["detector"]) for row in ranked], 0.3
    known = [
        (names.index(record.cell.detector), record.metrics["vus_pr"], f"{record.cell.series}, seed {record.cell.seed}")
        for record in records
        if record.cell.detector in names and record.metrics.get("vus_pr") is not None
    ]
    places, values, texts = zip(*known, strict=True)
    parts: list[Part] = [Dots(np.array(places), np.array(values), BLUE, "a series", texts=texts)]
    for place, row in enumerate(ranked):
        parts.append(Line(np.array([place - half, place + half]), np.full(2, row["vus_pr"]), ORANGE, "mean"))
    return Chart([Panel(parts, y="VUS-PR", y_range=(0.0, 1.02), ticks=names)], height=2.6)


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
            "overview": overview(task, {name: (scores, threshold) for name, scores, threshold in drawn}),
            "best": best,
            "threshold": threshold,
            "mistakes": [
                (mistake, None if index is None else str(index[mistake.row]).replace("T", " ")) for mistake in found
            ],
            "closeups": closeups(task, scores, threshold, found) if found and threshold is not None else None,
        }
    return section
