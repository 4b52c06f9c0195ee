"""Killed at any time and run again: the tables are those of a run that nothing interrupted."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

from tests.detection.bench.fakes import Counted, small_task
from tests.reliability.crashes import fork
from tsreward.detection.bench.runner import run_benchmark
from tsreward.detection.bench.summary import write_tables

DATASETS = {"one": [small_task("a", 1), small_task("b", 2)], "other": [small_task("a", 3)]}
CELLS = 3 * 2 * 2
KILLS = 24
TABLES = ("table.csv", "table.json", "series.csv")


def benchmark(folder: Path, counter: Path) -> None:
    make = partial(Counted, counter)
    write_tables(run_benchmark(DATASETS, {"x": make, "y": make}, [0, 1], folder), folder)


def test_killed_runs_end_in_the_same_tables(tmp_path):
    whole, counter = tmp_path / "whole", tmp_path / "fits"
    benchmark(tmp_path / "warm", counter)
    counter.unlink()
    start = time.perf_counter()
    benchmark(whole, counter)
    duration = time.perf_counter() - start
    assert counter.read_bytes() == b"." * CELLS
    draw, left, unfinished, attempt = random.Random(0), KILLS, 0, 0
    while left:
        folder, kills = tmp_path / f"killed-{attempt}", 0
        counter.unlink(missing_ok=True)
        while left and not (folder / "timings.csv").exists():
            child = fork(partial(benchmark, folder, counter))
            time.sleep(draw.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills, left = kills + 1, left - 1
            unfinished += 0 < len(list(folder.glob("results/*.json"))) < CELLS
        benchmark(folder, counter)
        # A kill costs at most the result that was being made.
        assert CELLS <= len(counter.read_bytes()) <= CELLS + kills
        for name in TABLES:
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
        attempt += 1
    assert unfinished > 0  # else the kills never came at a bad time, and nothing was tested
