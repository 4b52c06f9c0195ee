"""What a bar found, and bars whose cases are tests of the suite."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

Size = Literal["ci", "release"]
ROOT = Path(__file__).parents[2]


@dataclass
class Check:
    """What one check found."""

    check: str
    cases: int
    failures: int
    details: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Path, int, Size], list[Check]]
"""Measures a bar: given a folder to work in, a seed and a size."""


def counted(name: str, seen: Counter[str], cases: str, wrong: Sequence[str]) -> Check:
    """Return a check out of counts: the one of all cases, and those of failures; the others are details.

    >>> counted("kills", Counter(kills=9, lost=1, unfinished=4), "kills", ["lost"])
    Check(check='kills', cases=9, failures=1, details={'unfinished': 4})
    """
    rest = {key: value for key, value in seen.items() if key not in (cases, *wrong) and value}
    return Check(name, seen[cases], sum(seen[key] for key in wrong), rest)


def suite(*tests: str) -> Run:
    """Return a bar whose cases are tests of the suite, the same at either size; skipped ones are no cases."""

    def run(folder: Path, seed: int, size: Size) -> list[Check]:
        return [_pytest(one, folder) for one in tests]

    return run


def _pytest(tests: str, folder: Path) -> Check:
    report = folder / "junit.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", *shlex.split(tests), f"--junitxml={report}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if not report.exists():
        return Check(f"`{tests}`", 0, 1, {"said": ran.stdout[-500:]})
    (found,) = ElementTree.parse(report).getroot().iter("testsuite")
    numbers = {key: int(found.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    failures = numbers["failures"] + numbers["errors"]
    details = {"skipped": numbers["skipped"]} if numbers["skipped"] else {}
    return Check(f"`{tests}`", numbers["tests"] - numbers["skipped"], failures + (ran.returncode > 1), details)
