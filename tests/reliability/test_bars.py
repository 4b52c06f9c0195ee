"""The command that measures the reliability bars: what it writes, what it leaves out, and that every bar is there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.reliability import __main__ as command
from benchmarks.reliability.bars import BARS
from benchmarks.reliability.check import Check, counted, suite
from benchmarks.reliability.promises import PROMISES
from tsreward.errors import OptionError


def test_every_bar_has_its_measure():
    assert [*PROMISES] == [*BARS] == [f"R{number}" for number in range(1, 25)]


def test_bars_are_measured_once_and_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[str, int]] = []

    def measure(folder: Path, seed: int, size: str) -> list[Check]:
        assert folder.is_dir()
        calls.append((size, seed))
        return [Check("good", 3, 0), Check("bad", 2, 1, {"slowest": 4})]

    monkeypatch.setitem(command.BARS, "R1", measure)
    options = command.Options(("R1",), "ci", seed=5, out=tmp_path / "r.json")
    assert command.main(options) == 1
    assert command.main(options) == 1  # it is there, and failed
    assert command.main(command.Options(("R1",), "release", seed=5, out=options.out)) == 1
    assert command.main(command.Options(("R1",), "ci", again=True, seed=6, out=options.out)) == 1
    assert calls == [("ci", 5), ("release", 5), ("ci", 6)]
    rows = json.loads(options.out.read_text())["records"]
    found = [(row["bar"], row["check"], row["size"], row["cases"], row["failures"], row["seed"]) for row in rows]
    assert found == [
        ("R1", "bad", "ci", 2, 1, 6),
        ("R1", "bad", "release", 2, 1, 5),
        ("R1", "good", "ci", 3, 0, 6),
        ("R1", "good", "release", 3, 0, 5),
    ]
    assert rows[0]["slowest"] == 4 and "torch" in rows[0]["versions"]


def test_an_unknown_bar_is_refused(tmp_path: Path):
    with pytest.raises(OptionError, match="Unknown bar 'R99'"):
        command.main(command.Options(("R99",), out=tmp_path / "r.json"))


def test_counts_become_a_check():
    seen = Counter(kills=9, lost=1, differ=2, unfinished=4)
    assert counted("k", seen, "kills", ("lost", "differ")) == Check("k", 9, 3, {"unfinished": 4})


def test_tests_are_cases(tmp_path: Path):
    tests = tmp_path / "test_a.py"
    tests.write_text("import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip('x')\n")
    (check,) = suite(f"{tests} -p no:cacheprovider")(tmp_path, 0, "ci")
    assert (check.cases, check.failures, check.details) == (2, 1, {"skipped": 1})
    (missing,) = suite(f"{tmp_path / 'none.py'}")(tmp_path, 0, "ci")
    assert missing.failures > 0
