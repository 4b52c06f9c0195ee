"""Processes: killed, interrupted, side by side, and running for long."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.reliability.check import Check, Size, counted, suite
from tests.detection.bench.kills import kill_benchmarks
from tests.reliability.crashes import one_thread
from tests.reliability.full_disk import inputs
from tests.reliability.lasting import load_and_score, score_in_threads, stream_steps, summarise_rewards
from tests.reliability.resume import COMMANDS, kill_command, kill_training, signal_training
from tests.reliability.workers import KINDS, METHODS, E, kill_worker
from tests.tuning.kills import WRONG, kill_tuners


def resume(folder: Path, seed: int, size: Size) -> list[Check]:
    """R3: kill commands and run them again, kill trainings and resume them."""
    files, checks = inputs(folder / "inputs"), []
    for name in COMMANDS:
        place = folder / name
        place.mkdir()
        seen = kill_command(name, files, place, 100 if size == "release" else 5, seed)
        checks.append(counted(f"kills of {name}", seen, "kills", ("differ", "broken", "stale")))
    (folder / "train").mkdir()
    seen = kill_training(files, folder / "train", 100 if size == "release" else 3, seed)
    return [*checks, counted("kills of train", seen, "kills", ("unreadable", "fewer", "broken"))]


def tuning(folder: Path, seed: int, size: Size) -> list[Check]:
    """R4: kill tuners, with one worker and with four."""
    checks = []
    for sampler, pruner in (("random", "auto"), ("tpe", "hyperband")):
        for workers in (1, 4):
            place = folder / f"{sampler}-{workers}"
            place.mkdir()
            kills = 200 if size == "release" else 3
            with one_thread():
                seen = kill_tuners(place, kills, 1, workers, seed, sampler, pruner)
            name = f"kills, {sampler} and {pruner}, {workers} worker{'s' * (workers > 1)}"
            checks.append(counted(name, seen, "kills", WRONG))
    return checks


def benchmark(folder: Path, seed: int, size: Size) -> list[Check]:
    """R5: kill benchmarks of detectors."""
    seen = kill_benchmarks(folder, 200 if size == "release" else 24, seed)
    return [counted("kills", seen, "kills", ("lost", "differ"))]


def workers(folder: Path, seed: int, size: Size) -> list[Check]:
    """R16: kill a worker of every index."""
    checks = []
    for kind in KINDS:
        for method in METHODS:
            seen: Counter[str] = Counter()
            for _ in range(10 if size == "release" else 1):
                for index in range(E):
                    seen += kill_worker(kind, method, index)
                    seen["kills"] += 1
            checks.append(counted(f"{kind}, {method}", seen, "kills", ("unnamed", "alive", "left")))
    return checks


def lasting(folder: Path, seed: int, size: Size) -> list[Check]:
    """R17: step and load for long; memory must stay."""
    steps, loads = (10**6, 1000) if size == "release" else (20_000, 200)
    stepped, loaded = stream_steps(steps), load_and_score(loads, folder)
    allowed = max(2.0, steps / 1e5)  # 1 MB per 100,000 steps
    return [
        Check("steps of a stream", steps, int(stepped["grown_mb"] > allowed), stepped),
        Check("loads and scores", loads, int(loaded["grown_mb"] > 20 or loaded["files_left"] > 0), loaded),
    ]


def side_by_side(folder: Path, seed: int, size: Size) -> list[Check]:
    """R18: many threads score with one model, many processes and two containers save one name."""
    seen = score_in_threads(8, 2000 if size == "release" else 25)
    threads = counted("scores in 8 threads", seen, "scores", ("differ",))
    return [threads, *suite("tests/test_files.py -k writers", "tests/tuning/test_kills.py")(folder, seed, size)]


def signals(folder: Path, seed: int, size: Size) -> list[Check]:
    """R19: SIGINT and SIGTERM at random moments of a training."""
    files = inputs(folder / "inputs")
    seen = signal_training(files, folder, 100 if size == "release" else 4, seed)
    return [counted("signals to train", seen, "signals", ("hung", "code", "traceback", "lost", "state"))]


def pages(folder: Path, seed: int, size: Size) -> list[Check]:
    """R24: pages, and the summary of a training of ten million steps in 10 s and 500 MB."""
    steps = 10**7 if size == "release" else 10**6
    with one_thread():
        found = summarise_rewards(steps)
    failed = found["grown_mb"] > 500 or (size == "release" and found["seconds"] > 10)
    return [*suite("tests/report")(folder, seed, size), Check("rewards summarised", steps, int(failed), found)]
