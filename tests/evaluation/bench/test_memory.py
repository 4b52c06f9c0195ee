"""The growth of memory is that of what ran, not of what ran before."""

from __future__ import annotations

import mmap
import sys

import pytest

from tsreward.evaluation.bench import memory


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
    watch = memory.PeakMemory()
    assert watch.grown() >= 0
    monkeypatch.setattr(memory, "_peak", lambda: watch._before + 2048)
    assert watch.grown() == 2
