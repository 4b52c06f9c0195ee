"""Files: damaged, hostile, killed writers, full disks, earlier versions, hostile and malformed data."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.reliability.check import Check, Size, counted
from tests.golden.files import check_golden
from tests.reliability.audit import audited
from tests.reliability.crashes import fill_disk, kill_writers
from tests.reliability.full_disk import COMMANDS, SLOW, fill_command, inputs
from tests.reliability.hostile import HOSTILE, MORE_HOSTILE, write_hostile
from tests.reliability.models import file_bytes, fitted
from tests.reliability.rot import flips, outcomes, splices, truncations

FOLDERS = (Path(tempfile.gettempdir()), Path("/dev/shm"))
"""Where writers are killed: one folder on every kind of file system."""


def atomic(folder: Path, seed: int, size: Size) -> list[Check]:
    """R1: kill writers that overwrite a good file, on every file system."""
    checks = []
    for place in FOLDERS:
        if not place.is_dir():
            continue
        kills = 2000 if size == "release" else 200
        with tempfile.TemporaryDirectory(dir=place) as inside:
            seen = kill_writers(Path(inside), kills, seed)
        seen["kills"] = kills
        checks.append(counted(f"kills in {place}", seen, "kills", ("unreadable", "lost", "stale")))
    return checks


def full_disk(folder: Path, seed: int, size: Size) -> list[Check]:
    """R2: save a model, and run every command that writes, on a disk that is full at every size."""
    (folder / "model").mkdir()
    saved = fill_disk(folder / "model", 200)
    wrong = ("saved", "changed", "untold", "stale", "died")
    checks = [counted("save", saved, "tried", wrong)]
    files = inputs(folder / "inputs")
    for number, name in enumerate(COMMANDS):
        place = folder / f"command-{number}"
        place.mkdir()
        limits = {"ci": 3 if name in SLOW else 20, "release": 20 if name in SLOW else 200}[size]
        seen = fill_command(name, files, place, limits)
        checks.append(counted(name, seen, "tried", ("code", "traceback", "untold", "changed", "stale", "died")))
    return checks


def bit_rot(folder: Path, seed: int, size: Size) -> list[Check]:
    """R6: load damaged copies of a good file."""
    data, other, number = file_bytes(fitted(0), seed=0), file_bytes(fitted(1), seed=1), 1000
    number = 10_000 if size == "release" else number
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


def hostile_files(folder: Path, seed: int, size: Size) -> list[Check]:
    """R7: load hostile files in a process that watches itself."""
    checks = []
    for name, cases in (("hostile files", HOSTILE), ("more hostile files", MORE_HOSTILE)):
        place = folder / name.replace(" ", "-")
        place.mkdir()
        report = audited(write_hostile(place, cases).values(), folder)
        failures = len(cases) - report["refused"] + len(report["events"]) + (report["grown_mb"] >= 64)
        checks.append(Check(name, len(cases), failures, {"grown_mb": report["grown_mb"]}))
    return checks


def golden(folder: Path, seed: int, size: Size) -> list[Check]:
    """R8: load what earlier versions wrote, and score with it."""
    return [Check(name, 1, wrong) for name, wrong in check_golden(folder).items()]
