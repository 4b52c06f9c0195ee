"""The page: the table, and for every series what was scored and where that went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsreward.errors import OptionError
from tsreward.evaluation.bench.records import Record, read_scores
from tsreward.evaluation.bench.summary import METRICS, costs, summary
from tsreward.evaluation.report.channels import telling_channels
from tsreward.evaluation.report.frame import check_reporting, render
from tsreward.evaluation.report.mistakes import mistakes
from tsreward.evaluation.report.pictures import CHANNEL_COLORS, SCORE_COLORS, closeups, overview
from tsreward.series import DetectionTask


@dataclass(frozen=True)
class PageOptions:
    """How much is drawn."""

    detectors: int = 2
    """Detectors that are drawn, the best VUS-PR first; at most four."""
    figures: int = 24
    """Series that are drawn, in their order; the others are in the tables only."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise OptionError(f"PageOptions.{name} is at least 0, got {value}.")


def render_page(
    datasets: Mapping[str, Sequence[DetectionTask]],
    records: Sequence[Record],
    folder: Path,
    title: str = "Benchmark",
    options: PageOptions | None = None,
) -> str:
    """Return the page of records that `tsreward.evaluation.bench.runner.run` made of these data in this folder.

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
        "tsreward.evaluation.report",
        "page.html",
        title=title,
        rows=rows,
        metrics=METRICS,
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
        "share": float(labels.mean()),
        "results": [record for record in records if record.error is None],
        "failures": [record for record in records if record.error is not None],
        "drawn": [name for name, _, _ in drawn],
    }
    if drawn:
        best, scores, threshold = drawn[0]
        found = mistakes(labels, scores, threshold)
        section |= {
            "overview": overview(task, [(scores, threshold) for _, scores, threshold in drawn]),
            "channels": list(zip(CHANNEL_COLORS, map(task.test.column, telling_channels(task)), strict=False)),
            "legend": list(zip(SCORE_COLORS, (name for name, _, _ in drawn), strict=False)),
            "best": best,
            "threshold": threshold,
            "mistakes": [(mistake, None if index is None else str(index[mistake.row])) for mistake in found],
            "closeups": closeups(task, scores, threshold, found) if found else "",
        }
    return section
