"""`python -m benchmarks.reliability`: see the package."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from benchmarks.records import RESULTS, Records
from benchmarks.reliability.bars import BARS
from benchmarks.reliability.check import Size
from tsreward.errors import unknown_name
from tsreward.recipes.run_folder import installed_versions


@dataclass(frozen=True)
class Options:
    """Which bars to measure, and at what size."""

    bars: tuple[str, ...] = tuple(BARS)
    size: Size = "release"
    """ci: as in the test suite, minutes. release: hours."""
    again: tyro.conf.FlagCreatePairsOff[bool] = False
    """Measure bars again that are there at this size."""
    seed: int = 0
    out: Path = RESULTS / "reliability.json"


def main(options: Options) -> int:
    """Measure the bars that are missing; return 1 where a case failed."""
    for name in options.bars:
        if name not in BARS:
            raise unknown_name("bar", name, BARS)
    torch.set_num_threads(1)
    records = Records(options.out, ("bar", "check", "size"))
    for name in options.bars:
        there = any((record["bar"], record["size"]) == (name, options.size) for record in records.read())
        if there and not options.again:
            print(f"{name}: is there", flush=True)
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            checks = BARS[name](Path(folder), options.seed, options.size)
        seconds = round(time.perf_counter() - began, 1)
        for check in checks:
            print(f"{name} {check.check}: {check.cases:,} cases, {check.failures} failures", check.details or "")
            sys.stdout.flush()
            records.add(
                {
                    "bar": name,
                    "check": check.check,
                    "size": options.size,
                    "cases": check.cases,
                    "failures": check.failures,
                    "seed": options.seed,
                    "bar_seconds": seconds,
                    "versions": installed_versions(),
                    **check.details,
                }
            )
    wanted = [record for record in records.read() if record["bar"] in options.bars and record["size"] == options.size]
    return int(any(record["failures"] for record in wanted))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
