"""Benchmarks that are killed at any time and run again."""

from __future__ import annotations

import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.detection.bench.fakes import Counted, small_task
from tests.reliability.resume import killed_after
from tsreward.detection.bench.runner import run_benchmark
from tsreward.detection.bench.summary import write_tables

DATASETS = {"one": [small_task("a", 1), small_task("b", 2)], "other": [small_task("a", 3)]}
CELLS = 3 * 2 * 2
TABLES = ("table.csv", "table.json", "series.csv")


def benchmark(folder: Path, counter: Path) -> None:
    """Run two detectors that count their fits, with two seeds, on three series."""
    make = partial(Counted, counter)
    write_tables(run_benchmark(DATASETS, {"x": make, "y": make}, [0, 1], folder), folder)


def kill_benchmarks(folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill benchmarks that many times, and run each until it is through; return what went wrong.

    "lost": a kill cost more than the result that was being made. "differ": tables that are not, byte by byte, those of
    a run that nothing interrupted. "unfinished" counts the kills that came when some results were there, and not all.
    """
    whole, counter = folder / "whole", folder / "fits"
    benchmark(folder / "warm", counter)
    counter.unlink()
    start = time.perf_counter()
    benchmark(whole, counter)
    duration = time.perf_counter() - start
    assert counter.read_bytes() == b"." * CELLS
    draw, seen, attempt = random.Random(seed), Counter[str](), 0
    while seen["kills"] < kills:
        place, killed = folder / f"killed-{attempt}", 0
        counter.unlink(missing_ok=True)
        while seen["kills"] < kills and not (place / "timings.csv").exists():
            killed_after(partial(benchmark, place, counter), draw.uniform(0, duration))
            killed, seen["kills"] = killed + 1, seen["kills"] + 1
            seen["unfinished"] += 0 < len(list(place.glob("results/*.json"))) < CELLS
        benchmark(place, counter)
        seen["lost"] += not CELLS <= len(counter.read_bytes()) <= CELLS + killed
        seen["differ"] += any((place / name).read_bytes() != (whole / name).read_bytes() for name in TABLES)
        attempt += 1
    return seen
