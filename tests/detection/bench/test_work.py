"""The growth of memory is that of what ran, not of what ran before."""

from __future__ import annotations

import dataclasses
import mmap
import sys
from functools import partial

import pytest

from tests.detection.bench.fakes import Broken, Counted, Distance, Dying, small_task
from tsreward.detection.bench import work
from tsreward.detection.bench import work as memory
from tsreward.detection.bench.runner import run
from tsreward.errors import DataError


def use(megabytes: int) -> None:
    """Take fresh pages from the system, whatever the heap has left over, touch each, and give them back."""
    with mmap.mmap(-1, megabytes * 2**20) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be set back")
def test_growth_is_that_of_the_watched_part():
    use(64)
    watch = memory.PeakMemory()
    assert watch.grown() < 10
    use(16)
    assert 10 < watch.grown() < 30


def test_without_proc_the_peak_of_the_process_counts(monkeypatch):
    monkeypatch.setattr(memory, "_status", lambda field: None)
    peaks = iter([5000, 5000, 7048, 4000])
    monkeypatch.setattr(memory, "_peak", lambda: next(peaks))
    watch = memory.PeakMemory()
    assert [watch.grown() for _ in range(3)] == [0, 2, 0]


DATASETS = {"set": [small_task("a", 1), small_task("b", 2)]}


def timeless(records):
    return [dataclasses.replace(record, timings=None) for record in records]


def test_processes_give_the_same_results(tmp_path):
    detectors = {"x": Distance, "bad": Broken}
    alone = run(DATASETS, detectors, [0, 1], tmp_path / "alone")
    seen = []
    spread = run(DATASETS, detectors, [0, 1], tmp_path / "spread", jobs=2, progress=lambda *at: seen.append(at))
    assert timeless(spread) == timeless(alone)
    assert seen == [(done, 8) for done in range(9)]


def test_a_process_that_dies_is_a_failure_of_its_cell(tmp_path):
    detectors = {"dying": Dying, "x": partial(Counted, tmp_path / "fits")}
    records = run(DATASETS, detectors, [0], tmp_path, jobs=2)
    assert [record.error for record in records] == [
        None,
        None,
        "Its process was ended by SIGKILL: out of memory?",
        None,
    ]
    run(DATASETS, detectors, [0], tmp_path, jobs=2)
    assert (tmp_path / "fits").read_bytes() == b".."


def test_results_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(work.Work, "finished", lambda self, folder: _fill(folder, self.cell.stem))
    with pytest.raises(DataError, match=r"The process of x on [ab] ended with 1: what it wrote to stderr says why"):
        run(DATASETS, {"x": Distance}, [0], tmp_path, jobs=2)


def _fill(folder, stem):
    """Put a folder where the scores should go."""
    (folder / f"{stem}.npz" / "in the way").mkdir(parents=True)
