"""`tsreward fit log.csv`: a detector of anomalous rows, learned from a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import check_output, conclude, prefer_one_thread, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import TableColumns
from tsreward.data.sources import digest
from tsreward.detection.datasets.own_tables import read_table
from tsreward.detection.detectors.files import save_detector
from tsreward.detection.detectors.logs import LogDetector
from tsreward.detection.detectors.presets import DEFAULT, detector_names, make_detector
from tsreward.options import option


@dataclass(frozen=True)
class Options(Arguments):
    """Learn from a log of normal rows which rows are anomalous.

    With --data in place of the file, tsreward fit learns a reward: tsreward fit --help.
    """

    log: tyro.conf.Positional[Path]
    """Table of normal rows, .csv or .parquet."""
    out: Path | None = None
    """File of the detector, .safetensors; None is the name of the log with that ending, in the working folder."""
    detector: Annotated[str, tyro.conf.arg(help=f"Name of the detector: {', '.join(detector_names())}.")] = DEFAULT
    columns: tyro.conf.OmitArgPrefixes[TableColumns] = field(default_factory=TableColumns)
    seasonal: Literal["auto", "day", "week", "none"] = "auto"
    """Whether usual values depend on the hour of the day or week; auto finds out. It needs --time."""
    false_alarm_rate: float = option(0.01, above=0, below=1)
    """Fraction of normal rows that may pass the threshold."""
    seed: int = option(0, low=0)
    """Of what is random in a detector."""
    json: bool = False
    """Print what was fitted as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "fit", arguments))


def run(options: Options) -> int:
    """Fit, write the file, say what was found."""
    prefer_one_thread()
    out = options.out or Path(f"{options.log.stem}.safetensors")
    check_output(out)
    series = read_table(options.log, columns=options.columns)
    inner = make_detector(options.detector, seed=options.seed, false_alarm_rate=None)
    detector = LogDetector(inner, options.seasonal, false_alarm_rate=options.false_alarm_rate).fit(series)
    save_detector(detector, out, {"data": {options.log.name: digest(options.log)}, "seed": options.seed})
    counters = [series.column(place) for place in detector.counters_.nonzero()[0]]
    seasonal = [series.column(place) for place in detector.seasonal_.nonzero()[0]]
    if options.json:
        document = {"file": str(out), "detector": options.detector, "rows": len(series), "columns": series.dim}
        print_json({**document, "counters": counters, "season": detector.season, "seasonal": seasonal})
        return 0
    for text, names in (("counters, seen as differences", counters), (f"seasonal ({detector.season})", seasonal)):
        if names:
            remark(f"note: {text}: {', '.join(names)}.")
    time = [] if options.columns.time is None else ["--time", options.columns.time]
    conclude(
        f"The detector {options.detector} has learned {len(series):,} rows of {series.dim} columns. Written to {out}.",
        ["tsreward", "detect", "NEXT.csv", "--detector-file", out, *time],
    )
    return 0
