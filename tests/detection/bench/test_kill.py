"""Killed at any time and run again: the tables are those of a run that nothing interrupted."""

from tests.detection.bench.kills import kill_benchmarks


def test_killed_runs_end_in_the_same_tables(tmp_path):
    seen = kill_benchmarks(tmp_path, kills=24, seed=0)
    assert {wrong: seen[wrong] for wrong in ("lost", "differ") if seen[wrong]} == {}
    assert seen["unfinished"] > 0  # else the kills never came at a bad time, and nothing was tested
