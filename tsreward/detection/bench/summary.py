"""Tables of results: one row per detector and data set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tsreward.detection.bench.evaluate import Evaluation
from tsreward.detection.bench.records import Record
from tsreward.files import write_atomic

METRICS = tuple(field.name for field in fields(Evaluation) if field.name != "threshold")
"""What is averaged; thresholds are in units of the scores, which differ."""
ALL = "all"

Row = dict[str, Any]


def summary(records: Iterable[Record]) -> list[Row]:
    """Return a row per detector and data set, best VUS-PR first, and where there are several sets, over all series.

    A row holds `detector`, `dataset`, `series` (how many there are, for any detector), `seeds` (how many), `failed`
    (results without metrics), `incomplete` (results without those that need a threshold), `causal`, and for every
    metric its mean over series, then over seeds; as `<metric>_std` the standard deviation over seeds of the mean over
    series; as `<metric>_series` of how many series the mean is: those that have the metric with every seed. None where
    there is nothing to average, or one seed only. A detector that fails on the hard series looks better than it is:
    rows of fewer series come after those of all.

    >>> from tsreward.detection.bench.records import Cell
    >>> made = [Record(Cell("pca", "smd", name, 0), "", "", metrics=dict.fromkeys(METRICS, f1)) for name, f1 in
    ...         (("a", 0.5), ("b", 1.0))]
    >>> [(row["series"], row["f1"], row["f1_std"]) for row in summary(made)]
    [(2, 0.75, None)]
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    records = list(records)
    datasets = list(dict.fromkeys(record.cell.dataset for record in records))
    for record in records:
        for dataset in [ALL, record.cell.dataset] if len(datasets) > 1 else [record.cell.dataset]:
            groups.setdefault((dataset, record.cell.detector), []).append(record)
    order = {name: position for position, name in enumerate([ALL, *datasets])}
    whole: dict[str, set[tuple[str, str]]] = {}
    for (dataset, _), group in groups.items():
        whole.setdefault(dataset, set()).update((record.cell.dataset, record.cell.series) for record in group)
    rows = [_row(dataset, detector, group, len(whole[dataset])) for (dataset, detector), group in groups.items()]
    return sorted(
        rows,
        key=lambda row: (
            order[str(row["dataset"])],
            row["vus_pr_series"] != row["series"],
            -_number(row["vus_pr"]),
            str(row["detector"]),
        ),
    )


def costs(records: Iterable[Record]) -> dict[str, dict[str, float]]:
    """Return per detector the mean seconds of a fit, the rows scored per second, the largest growth of memory, and of
    how many results these are."""
    groups: dict[str, list] = {}
    for record in records:
        groups.setdefault(record.cell.detector, []).extend([record.timings] if record.timings else [])
    return {
        detector: {
            "fit_seconds": fmean(timing.fit_seconds for timing in timings),
            # Rows over seconds, both summed: short series do not count as much as long ones.
            "points_per_second": sum(timing.score_seconds * timing.points_per_second for timing in timings)
            / sum(timing.score_seconds for timing in timings),
            "peak_mb": max(timing.peak_mb for timing in timings),
            "results": len(timings),
        }
        for detector, timings in groups.items()
        if timings
    }


def write_tables(records: Sequence[Record], folder: Path) -> None:
    """Write table.csv and table.json (the summary), series.csv (every result) and timings.csv into a folder.

    All but timings.csv follow from data, detectors and seeds alone.
    """
    rows = summary(records)
    cells = [
        asdict(record.cell)
        | {name: record.metrics.get(name) for name in (*METRICS, "threshold")}
        | {"causal": record.causal, "missing": record.missing, "error": record.error}
        for record in records
    ]
    timings = [asdict(record.cell) | asdict(record.timings) for record in records if record.timings]
    for name, table in (("table", rows), ("series", cells), ("timings", timings)):
        write_atomic(folder / f"{name}.csv", _csv(table))
    write_atomic(folder / "table.json", (json.dumps(rows, indent=1, allow_nan=False) + "\n").encode())


def _row(dataset: str, detector: str, records: Sequence[Record], series: int) -> Row:
    """Return the row of a detector's records on a data set, which has so many series for all detectors together."""
    known = [record.causal for record in records if record.causal is not None]
    row: Row = {
        "dataset": dataset,
        "detector": detector,
        "series": series,
        "seeds": len({record.cell.seed for record in records}),
        "failed": sum(record.error is not None for record in records),
        "incomplete": sum(record.error is None and record.missing is not None for record in records),
        "causal": None if not known else all(known),
    }
    for name in METRICS:
        values = {
            (record.cell.dataset, record.cell.series, record.cell.seed): value
            for record in records
            if (value := record.metrics.get(name)) is not None
        }
        seeds = {seed for *_, seed in values}  # without one that failed everywhere
        names = sorted({key[:2] for key in values})
        whole = [key for key in names if all((*key, seed) in values for seed in seeds)]
        # One set of series for every seed: a mean over others would differ for more than the seed.
        means = [fmean(values[*key, seed] for key in whole) for seed in sorted(seeds)] if whole else []
        row[name] = fmean(means) if means else None
        row[f"{name}_std"] = stdev(means) if len(means) > 1 else None
        row[f"{name}_series"] = len(whole)
    return row


def shown_mean(row: Row, metric: str, digits: int = 3) -> str:
    """Return a mean of a row as text, with the number of series where it is not of all.

    >>> shown_mean({"series": 3, "f1": 0.5, "f1_std": None, "f1_series": 2}, "f1")
    '0.500 (2 of 3 series)'
    """
    mean, std = row[metric], row[f"{metric}_std"]
    if mean is None:
        return "–"
    text = f"{mean:.{digits}f}" + ("" if std is None else f" ±{std:.{digits}f}")
    number, of = row[f"{metric}_series"], row["series"]
    return text if number == of else f"{text} ({number} of {of} series)"


def best_detector(rows: Sequence[Row]) -> str:
    """Return which detector of a data set is best, in one sentence; `rows` are those of one set in `summary`."""
    whole = [row for row in rows if row["vus_pr"] is not None and row["vus_pr_series"] == row["series"]]
    where = "All series" if rows[0]["dataset"] == ALL else rows[0]["dataset"]
    if not whole:
        return f"{where}: no detector has a VUS-PR of every series."
    best = max(whole, key=lambda row: row["vus_pr"])
    chance = next((f"; random scores have {row['vus_pr']:#.2g}" for row in whole if row["detector"] == "random"), "")
    return f"{where}: best by VUS-PR is {best['detector']} with {best['vus_pr']:#.2g}{chance}."


def _number(value: str | int | float | None) -> float:
    return value if isinstance(value, int | float) else -1.0


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors="backslashreplace")
