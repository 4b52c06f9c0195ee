"""The growth of memory is that of what ran, not of what ran before."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tsreward.evaluation.bench import memory


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be set back")
def test_growth_is_that_of_the_watched_part():
    large = np.ones(64 * 2**17)  # 64 MB
    del large
    before = memory.PeakMemory()
    assert before.grown() < 10
    small = np.ones(48 * 2**17)  # too large to come from memory that was freed before
    del small
    assert 40 < before.grown() < 60


def test_without_proc_the_peak_of_the_process_counts(monkeypatch):
    monkeypatch.setattr(memory, "_status", lambda field: None)
    watch = memory.PeakMemory()
    assert watch.grown() >= 0
    monkeypatch.setattr(memory, "_peak", lambda: watch._before + 2048)
    assert watch.grown() == 2
