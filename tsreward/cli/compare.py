"""`tsreward compare`: two models on the same data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from tsreward.audit.comparison import compare
from tsreward.cli.main import remark
from tsreward.cli.output import check_output, conclude, fitting, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import DataColumns
from tsreward.data.sources import digest, read_episodes
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.io import load
from tsreward.options import option
from tsreward.report.comparison import render_comparison
from tsreward.report.page import check_reporting, write_page


@dataclass(frozen=True)
class Options(Arguments):
    """Compare scores, rewards, returns and flags of two models, and show the windows that they see most differently: as
    a table, as a page that needs nothing else, and as JSON beside it.
    """

    first: tyro.conf.Positional[Path]
    """File of tsreward fit."""
    second: tyro.conf.Positional[Path]
    """Another one, of the same observations."""
    data: tuple[Path, ...]
    """Files of tsreward collect, tables (CSV, Parquet), NPY and NPZ arrays [T, D], or minari:ID."""
    out: Path | None = None
    """File of the page, .html; the JSON gets the same name with .json."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    windows: int = option(6, low=0)
    """Windows that are shown, at most."""
    json: bool = False
    """Print the comparison as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "compare", arguments))


def run(options: Options) -> int:
    """Compare, write the page, print the table."""
    page, beside = options.out, None
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"--out takes a file that ends with .html, got {page}.")
        beside = page.with_suffix(".json")
        check_reporting()
        for path in (page, beside):
            check_output(path)
    prefer_one_thread()
    models = load(options.first), load(options.second)
    episodes = read_episodes(options.data, options.columns, remark)
    for model, file in zip(models, (options.first, options.second), strict=True):
        fitting(model, file, episodes, options.data[0])
    names = str(options.first), str(options.second)
    comparison = compare(*models, episodes, names, options.windows)
    document = comparison.to_json() | {
        "files": {str(path): digest(path) for path in (options.first, options.second, *options.data)}
    }
    if page is not None and beside is not None:
        write_page(page, render_comparison(comparison, [str(path) for path in options.data]))
        write_atomic(beside, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())
    if options.json:
        print_json(document)
        return 0
    rows: list[tuple[str, object]] = []
    for name, found in (
        ("scores", comparison.scores),
        ("rewards", comparison.rewards),
        ("returns", comparison.returns),
    ):
        rows += [(f"{name}: Pearson", found.pearson), (f"{name}: Spearman", found.spearman)]
    flags = comparison.flags
    rows += [("flagged by both", flags.both), ("by the first alone", flags.only_first)]
    rows += [("by the second alone", flags.only_second), ("by neither", flags.neither)]
    rows += [] if page is None else [("page", page)]
    print_table("Comparison", ["what", "value"], rows)
    better = comparison.better or options.first
    audit = ["tsreward", "audit", "--model", better, "--good", "FILE", "--bad", "FILE", "--out", "audit.html"]
    conclude(comparison.verdict, audit)
    return 0
