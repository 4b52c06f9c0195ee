"""`tsreward bench detect`: detectors compared on labelled logs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import DataColumns
from tsreward.detection.bench.evaluate import PROTOCOLS
from tsreward.detection.bench.records import Record
from tsreward.detection.bench.runner import run_benchmark
from tsreward.detection.bench.summary import Row, best_detector, costs, shown_mean, summary, write_tables
from tsreward.detection.datasets.tasks import by_dataset, layouts, load_tasks
from tsreward.detection.datasets.tsb_ad import published, read_file_list
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.presets import detector_names, make_detector
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.files import write_atomic
from tsreward.io.versions import installed_versions
from tsreward.named_warnings import given_warnings, warn
from tsreward.options import option
from tsreward.pipeline.monitor import ROWS, outside_text
from tsreward.pipeline.profile import DataProfile
from tsreward.report.bench import PageOptions, render_bench
from tsreward.report.page import check_reporting, write_page
from tsreward.sequences.series import DetectionTask

_FAST = ("random", "z_norm", "mahalanobis", "mahalanobis_window", "pca", "pca_weighted", "ridge_var", "knn")
_SHOWN = {
    "vus_pr": "VUS-PR",
    "average_precision": "AP",
    "range_f1": "range F1",
    "event_f1": "event F1",
    "f1": "F1",
    "oracle_f1": "oracle F1",
}


@dataclass(frozen=True)
class Options(Arguments):
    """Run detectors on labelled logs and evaluate their scores; every result is kept, so that the same command goes on
    after an interruption, and makes again only what changed.

    The folder gets table.csv, table.json (means), series.csv (every result), timings.csv, run.json (options and
    versions), report.html and results/.
    """

    what: tyro.conf.Positional[Literal["detect"]]
    """What is compared: detect, for detectors."""
    out: Path
    """Folder of the results; it is created."""
    data: Path | None = None
    """Folder or file of the data set."""
    format: Annotated[
        str | None,
        tyro.conf.arg(
            help=f"Layout of the data: {layouts()}. None is tsb-ad for the protocol tsb-ad and files with the names of "
            f"the leaderboard, else smd."
        ),
    ] = None
    detectors: Annotated[
        tuple[str, ...], tyro.conf.arg(help=f"Names of detectors: {', '.join(detector_names())}; pyod:HBOS is PyOD's.")
    ] = ("random", "z_norm", "pca", "ridge_var", "ensemble")
    protocol: str = "split"
    """split fits on the training rows that the data set gives, tsb-ad on the first of the test rows: in files of the
    leaderboard as many as their names say (tr)."""
    file_list: Path | None = None
    """Table with a column file_name, as the leaderboard's lists: only these files, in place of --series."""
    alignment: Literal["causal", "centred"] = "causal"
    """Whether a score may look ahead (centred) or not (causal)."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    series: tuple[str, ...] = ()
    """Names of the series; all where none is named."""
    seeds: int = 3
    """Each detector runs with the seeds 0, 1, ... up to this many."""
    threshold: Annotated[
        str,
        tyro.conf.arg(help=f"Rule that sets the threshold on held-out normal scores: {', '.join(THRESHOLDS)}."),
    ] = "conformal"
    false_alarm_rate: float = option(0.01, above=0, below=1)
    """Share of normal rows that the threshold may flag."""
    quick: bool = False
    """A first look in seconds: of the detectors only those that fit in closed form, with one seed."""
    place: tyro.conf.OmitArgPrefixes[PlaceOptions] = field(default_factory=PlaceOptions)
    page: PageOptions = field(default_factory=PageOptions)
    no_report: bool = False
    """Write no report.html."""
    json: bool = False
    """Print the table as one JSON document."""

    def check(self) -> None:
        for kind, name, known in (("protocol", self.protocol, PROTOCOLS), ("threshold", self.threshold, THRESHOLDS)):
            if name not in known:
                raise unknown_name(kind, name, known)
        if self.file_list is not None and self.series:
            raise OptionError("Series come from one place: take either --series or --file-list.")

    @property
    def layout(self) -> str:
        """The format, also where it is not named."""
        if self.format is not None:
            return self.format
        names = self.protocol == "tsb-ad" and self.data is not None and published(self.data)
        return "tsb-ad" if names else "smd"


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "bench", arguments))


def run(options: Options) -> int:
    """Read, run, evaluate, write and print."""
    prefer_one_thread()
    if not options.no_report:
        check_reporting()
    if options.quick:
        fast = tuple(name for name in options.detectors if name in _FAST)
        if not fast:
            raise OptionError(f"--quick runs {', '.join(_FAST)}, and --detectors names none of them.")
        options = replace(options, detectors=fast, seeds=1)
    detectors = {name: partial(_make, name, options.alignment) for name in options.detectors}
    for make in detectors.values():
        make(0)  # an unknown name, or a package that is missing, is told before data are read
    datasets, left_out = _prepared(options)
    _watch([task for tasks in datasets.values() for task in tasks])
    with Stages() as stages:
        records = run_benchmark(
            datasets,
            detectors,
            range(options.seeds),
            options.out,
            threshold=options.threshold,
            false_alarm_rate=options.false_alarm_rate,
            place=options.place,
            progress=stages("results"),
        )
    left = len(options.detectors) * options.seeds * sum(map(len, datasets.values())) - len(records)
    if left:
        remark(f"{left} results are left to others: these are the tables of those that are there")
    if not records:
        raise DataError(f"Share {options.place.shard} has no results, and the others have none yet: wait for them.")
    write_tables(records, options.out)
    _describe(options)
    if not options.no_report:
        title = f"{', '.join(datasets)}: {options.protocol} protocol, {options.alignment} scores"
        page = render_bench(datasets, records, options.out, title, options.page)
        write_page(options.out / "report.html", page)
    _tell(options, records, left_out)
    return 0


def _make(name: str, alignment: Literal["causal", "centred"], seed: int) -> Detector:
    return make_detector(name, seed=seed, alignment=alignment)


def _prepared(options: Options) -> tuple[Mapping[str, Sequence[DetectionTask]], dict[str, str]]:
    """Return the tasks under the protocol by data set, and why which series are left out."""
    tasks, left_out = [], {}
    names = options.series if options.file_list is None else read_file_list(options.file_list)
    for task in load_tasks(options.data, options.layout, names, options.columns, remark):
        labels = task.test.labels
        assert labels is not None  # a DetectionTask has them
        try:
            if labels.all() or not labels.any():
                raise DataError(f"{task.name}: all {len(labels)} test rows are of one class.")
            tasks.append(PROTOCOLS[options.protocol](task))
        except DataError as error:
            left_out[task.name] = str(error)
    if not tasks:
        raise DataError(f"No series can be evaluated: {next(iter(left_out.values()), 'there is none.')}")
    return by_dataset(options.layout, tasks), left_out


def _watch(tasks: Sequence[DetectionTask]) -> None:
    """Warn where the normal rows among the first 1,000 test rows are not what the training rows are like.

    Raises:
        StrictError: --strict makes that an error.
    """
    found = []
    for task in tasks:
        rows = torch.from_numpy(np.asarray(task.test.values[:ROWS], np.float64))
        train = np.asarray(task.train.values, np.float64)
        train = train[np.isfinite(train).all(1)]  # masked values tell nothing
        if not len(train):
            continue
        profile = DataProfile().fit(torch.from_numpy(train))
        assert task.test.labels is not None  # a DetectionTask has them
        normal = rows.numpy()[np.asarray(task.test.labels[:ROWS]) == 0]
        normal = normal[np.isfinite(normal).all(1)]
        text = outside_text(profile, normal, task.train.columns or None) if len(normal) >= 30 else None
        if text is not None:
            found.append(f"{task.name}: {text}")
    if found:
        more = f" The same goes for {len(found) - 1} more of {len(tasks)} series." if len(found) > 1 else ""
        warn("outside training range", found[0].replace("the model was", "a detector is") + more)


def _describe(options: Options) -> None:
    """Write down how the tables came about."""
    content = {
        "options": asdict(options),
        "warnings": given_warnings(),
        "versions": installed_versions(),
        "machine": platform.machine(),
    }
    write_atomic(options.out / "run.json", (json.dumps(content, indent=1, default=str) + "\n").encode())


def _tell(options: Options, records: Sequence[Record], left_out: Mapping[str, str]) -> None:
    rows, spent = summary(records), costs(records)
    failures = [record for record in records if record.error is not None]
    incomplete = [record for record in records if record.error is None and record.missing is not None]
    for reason in left_out.values():
        remark(f"warning: left out: {reason}")
    for record in failures[:10]:
        remark(
            f"warning: {record.cell.detector} failed on {record.cell.series}, seed {record.cell.seed}: {record.error}"
        )
    if len(failures) > 10:
        remark(f"warning: {len(failures) - 10} more failures are in {options.out / 'series.csv'}")
    for name, series, reason in list(dict.fromkeys(_without(record) for record in incomplete))[:10]:
        remark(f"warning: {name} on {series} has no metrics that need a threshold: {reason}")
    ahead = [name for name in spent if any(row["causal"] is False for row in rows if row["detector"] == name)]
    if ahead and options.alignment == "causal":
        remark(
            f"warning: measured: scores of {', '.join(ahead)} depend on later rows, so they are not what an alarm "
            f"would have had."
        )
    if options.json:
        document = {
            "folder": str(options.out),
            "table": rows,
            "costs": spent,
            "failed": [vars(record.cell) | {"error": record.error} for record in failures],
            "incomplete": [vars(record.cell) | {"missing": record.missing} for record in incomplete],
            "left_out": left_out,
            "leaderboard": _leaderboard(options, rows),
        }
        print_json(document)
        return
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        chosen = [row for row in rows if row["dataset"] == dataset]
        title = f"{dataset}: {chosen[0]['series']} series, {chosen[0]['seeds']} seeds"
        print_table(title, ["detector", *_SHOWN.values()], map(_merits, chosen))
    if any(row[f"{name}_series"] != row["series"] for row in rows for name in _SHOWN):
        remark("note: means of different series are not to be compared: those of all series come first.")
    header = ["detector", "fit s", "rows/s", "memory MB", "results", "causal"]
    known = {row["detector"]: {True: "yes", False: "no", None: None}[row["causal"]] for row in reversed(rows)}
    print_table("cost", header, ([name, *_cost(cost), known[name]] for name, cost in spent.items()))
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        print(best_detector([row for row in rows if row["dataset"] == dataset]))
    if means := _leaderboard(options, rows):
        count = max(row["series"] for row in rows)
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
        print(f"Mean VUS-PR over {count} files, as on the leaderboard: {told}.")
    data = ["--format", options.layout, *(["--data", options.data] if options.data else [])]
    tune = ["tsreward", "tune", "--objective", "detect", "--study", options.out.with_suffix(".db"), *data]
    conclude(f"Written to {options.out}.", tune)


def _leaderboard(options: Options, rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean VUS-PR over all files, of the detectors that have it of all; {} for other protocols."""
    if options.protocol != "tsb-ad" or options.layout != "tsb-ad":
        return {}
    count = max(row["series"] for row in rows)
    return {row["detector"]: row["vus_pr"] for row in rows if row["series"] == row["vus_pr_series"] == count}


def _merits(row: Row) -> list[Any]:
    others = ({**row, f"{name}_std": None} for name in list(_SHOWN)[1:])
    return [row["detector"], shown_mean(row, "vus_pr"), *map(shown_mean, others, list(_SHOWN)[1:])]


def _without(record: Record) -> tuple[str, str, str]:
    return record.cell.detector, record.cell.series, str(record.missing)


def _cost(cost: Mapping[str, float]) -> list[Any]:
    return [*(_rounded(cost[name]) for name in ("fit_seconds", "points_per_second", "peak_mb")), cost["results"]]


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
