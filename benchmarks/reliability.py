"""The reliability checks of the model file at the size of a release.

    python -m benchmarks.reliability --quick
    python -m benchmarks.reliability --full

Counts of cases and failures go to a JSON file; the exit code is 1 where a check failed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro

from benchmarks.records import RESULTS, commit, device
from tests.reliability.audit import audited
from tests.reliability.crashes import fill_disk, kill_writers
from tests.reliability.hostile import HOSTILE, MORE_HOSTILE, write_hostile
from tests.reliability.models import file_bytes, fitted
from tests.reliability.rot import flips, outcomes, splices, truncations
from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions


@dataclass(frozen=True)
class Options:
    """How many cases to try, and where."""

    full: tyro.conf.FlagCreatePairsOff[bool] = False
    """10,000 damaged files of each kind and 2,000 kills, the size of a release."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """1,000 damaged files of each kind and 200 kills, the size of the test suite; this is the default."""
    folders: tuple[Path, ...] = (Path(tempfile.gettempdir()), Path("/dev/shm"))
    """Where to kill writers: one folder on every kind of file system."""
    seed: int = 0
    out: Path = RESULTS / "reliability.json"


@dataclass
class Check:
    """What one check found."""

    check: str
    cases: int
    failures: int
    details: dict[str, Any] = field(default_factory=dict)


def hostile_files(folder: Path) -> list[Check]:
    """Load hostile files in a process that watches itself."""
    checks = []
    for name, cases in (("hostile files", HOSTILE), ("more hostile files", MORE_HOSTILE)):
        place = folder / name.replace(" ", "-")
        place.mkdir()
        report = audited(write_hostile(place, cases).values(), folder)
        failures = len(cases) - report["refused"] + len(report["events"]) + (report["grown_mb"] >= 64)
        checks.append(Check(name, len(cases), failures, {"grown_mb": report["grown_mb"]}))
    return checks


def bit_rot(folder: Path, number: int, seed: int) -> list[Check]:
    """Load damaged copies of a good file."""
    data, other = file_bytes(fitted(0), seed=0), file_bytes(fitted(1), seed=1)
    kinds = {
        "flipped bits": flips(data, number, seed),
        "truncations": truncations(data, number, seed),
        "splices": splices(data, other, number, seed),
    }
    checks = []
    for name, copies in kinds.items():
        began = time.perf_counter()
        seen, longest = outcomes(copies, data, folder / "model.safetensors")
        mean = (time.perf_counter() - began) / number
        failures = sum(count for outcome, count in seen.items() if outcome not in ("refused", "same"))
        times = {"mean_ms": round(1000 * mean, 2), "longest_ms": round(1000 * longest, 1)}
        checks.append(Check(name, number, failures, {"outcomes": dict(seen), "file_bytes": len(data), **times}))
    return checks


def kills(folders: tuple[Path, ...], number: int, seed: int) -> list[Check]:
    """Kill writers that overwrite a good file, on every file system."""
    checks = []
    for place in folders:
        if not place.is_dir():
            continue
        with tempfile.TemporaryDirectory(dir=place) as folder:
            seen = kill_writers(Path(folder), number, seed)
        failures = seen["unreadable"] + seen["lost"] + seen["stale"]
        checks.append(Check(f"kills in {place}", number, failures, {"during_a_write": seen["unfinished"]}))
    return checks


def full_disk(folder: Path, sizes: int) -> list[Check]:
    """Save over a good file on a disk that is full at every size."""
    place = folder / "full-disk"
    place.mkdir()
    seen: Counter[str] = fill_disk(place, sizes)
    return [Check("full disk", sizes, sum(seen.values()) - seen["tried"] + sizes - seen["tried"])]


def main(options: Options) -> int:
    """Run all checks, write the result and return the exit code."""
    torch.set_num_threads(1)
    damaged, killed = (10_000, 2_000) if options.full else (1_000, 200)
    records = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        work: list[Callable[[], list[Check]]] = [
            lambda: hostile_files(folder),
            lambda: bit_rot(folder, damaged, options.seed),
            lambda: kills(options.folders, killed, options.seed),
            lambda: full_disk(folder, 200),
        ]
        for run in work:
            for check in run():
                print(
                    f"{check.check}: {check.cases:,} cases, {check.failures} failures", check.details or "", flush=True
                )
                records.append(
                    {"check": check.check, "cases": check.cases, "failures": check.failures, **check.details}
                )
    content = {
        "size": "full" if options.full else "quick",
        "seed": options.seed,
        "commit": commit(),
        "device": device(),
        "versions": installed_versions(),
        "records": records,
    }
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())
    return int(any(record["failures"] for record in records))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
