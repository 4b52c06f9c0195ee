"""What tsreward stands on: Python, packages, and whatever is given to its readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.reliability.check import ROOT, Check, Size, suite
from fuzz.targets import CORPUS, TARGETS

MINUTES = 10
"""For every target of the fuzzer, at the size of a release."""


def fuzzed(folder: Path, seed: int, size: Size) -> list[Check]:
    """R21: the targets on what Hypothesis draws, and at the size of a release under Atheris, where it is installed."""
    checks = suite("tests/reliability/test_fuzz.py")(folder, seed, size)
    if size == "ci":
        return checks
    for name in TARGETS:
        found = folder / name  # inputs that break something lie in the project's root instead
        found.mkdir()
        command = [sys.executable, "-m", "fuzz", name, f"-max_total_time={60 * MINUTES}", f"-seed={seed + 1}"]
        command += [str(found), str(CORPUS / name)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if "No module named 'atheris'" in ran.stderr:
            checks.append(Check(f"{name} under Atheris", 0, 0, {"skipped": "atheris is not installed"}))
            continue
        done = [line for line in ran.stderr.splitlines() if line.startswith("Done ")]
        executions = int(done[-1].split()[1]) if done else 0
        checks.append(Check(f"{name} under Atheris", executions, int(ran.returncode != 0)))
    return checks


def installed(folder: Path, seed: int, size: Size) -> list[Check]:
    """R23: commands with modules hidden; at the size of a release, environments that have just an extra."""
    checks = suite("tests/cli/test_needs.py", "tests/test_package.py")(folder, seed, size)
    if size == "release":
        from tests.reliability.environments import try_extras, try_pythons

        checks += [Check(name, 1, wrong) for name, wrong in {**try_pythons(folder), **try_extras(folder)}.items()]
    return checks
