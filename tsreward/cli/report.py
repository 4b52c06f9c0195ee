"""`tsreward report`: one page about several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from tsreward.cli.output import check_output, conclude, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.errors import DataError
from tsreward.report.page import check_reporting, write_page
from tsreward.report.several import alarms_of, figures_of, read_methods, render_several, several_verdict


@dataclass(frozen=True)
class Options(Arguments):
    """Put several runs on one page: those that differ only in their seeds stand together, with interquartile means and
    bootstrap intervals as rliable draws them (Agarwal et al. 2021).

    Runs that are still going on are read as far as they are. Alarms are read off their episodes, of runs that nobody
    watched too.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs; one of train --seeds stands for all of its seeds."""
    out: Path = Path("report.html")
    """The page."""
    json: bool = False
    """Print the figures as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "report", arguments))


def run(options: Options) -> int:
    """Read the runs, write the page, print the figures."""
    if not options.runs:
        raise DataError("tsreward report needs folders of runs: tsreward report runs/first runs/second.")
    check_reporting()
    check_output(options.out)
    methods = read_methods(options.runs)
    write_page(options.out, render_several("Runs", methods))
    figures = figures_of(methods)
    if options.json:
        rung = [{"method": name, "seed": seed, **alarm.to_json()} for name, seed, alarm in alarms_of(methods)]
        print_json({"page": str(options.out), "methods": figures, "alarms": rung})
        return 0
    rows = [(name, values["runs"], *values["true_return"].values()) for name, values in figures.items()]
    header = ["method", "runs", "IQM", "low", "high", "mean", "std"]
    print_table("true return of the last quarter", header, rows)
    for name, seed, alarm in alarms_of(methods):
        print(f"{name}, seed {seed}: {alarm.in_words()}")
    folder = next(iter(sorted(options.runs[0].glob("seed-*/"))), options.runs[0])
    conclude(f"{several_verdict(figures)} Written to {options.out}.", ["tsreward", "watch", folder])
    return 0
