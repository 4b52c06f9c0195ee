"""`tsreward train --seeds`: one run for every seed, side by side on the cores that are there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, conclude, print_json, print_table
from tsreward.cli.running import lasting
from tsreward.distributed.running import PlaceOptions, run_works
from tsreward.distributed.units import shard_of
from tsreward.errors import DataError, OptionError
from tsreward.files import empty_folder, make_folder, write_atomic
from tsreward.interrupts import noted
from tsreward.pipeline.own_names import named_modules
from tsreward.recipes.live_run import STATUS, read_status
from tsreward.recipes.run_folder import as_json
from tsreward.report.page import check_reporting, write_page
from tsreward.report.several import figures_of, read_methods, render_several, several_verdict
from tsreward.wrappers.workers import exit_cause

_POLL = 0.5
"""Seconds between two looks at the processes."""


def seeds_of(given: Sequence[int], first: int) -> list[int]:
    """Return the seeds that --seeds asks for: one number is how many there are, from `first` on; several are the seeds.

    Raises:
        OptionError: none, or one of them twice.

    >>> seeds_of([3], first=10), seeds_of([4, 9], first=10)
    ([10, 11, 12], [4, 9])
    """
    seeds = list(range(first, first + given[0])) if len(given) == 1 else list(given)
    if not seeds or len(set(seeds)) < len(seeds):
        raise OptionError(f"--seeds takes how many there are, or different seeds, got {' '.join(map(str, given))}.")
    return seeds


def resume_seeds(folder: Path, seeds: Sequence[int], given: Sequence[str]) -> int:
    """Go on with a run of several seeds.

    Raises:
        OptionError: other options are given than --json.
        DataError: a run failed.
    """
    given = lasting(given)
    if given:
        raise OptionError(f"A run of several seeds goes on as it was begun, got {given[0]}: leave it out.")
    return train_seeds(folder, read_status(folder)["arguments"], seeds, go_on=True)


def train_seeds(
    folder: Path,
    arguments: Sequence[str],
    seeds: Sequence[int],
    jobs: int = 0,
    shard: str | None = None,
    ray: str | None = None,
    go_on: bool = False,
    as_document: bool = False,
) -> int:
    """Train with every seed of a share in a process of one thread; `arguments` are those of one run without a seed.

    `jobs` are the seeds at a time, 0 is one for every core that is there; `shard` is i/n, see `shard_of`; `ray` is the
    address of a cluster that trains them in place of this machine.

    With `go_on`, and where the seeds are shared, the folder may hold such runs already: those that are done stay, the
    others go on from their checkpoints.

    Raises:
        DataError: the folder is not empty, a run failed, or Ray cannot be reached.
        OptionError: no such share.
        MissingExtraError: Ray is named and not installed.
    """
    check_reporting()
    mine = shard_of(seeds, shard)
    status = {"state": "running", "seeds": list(seeds), "arguments": list(arguments)}
    if shard is not None:
        _join(folder, status)
    elif not go_on:
        empty_folder(folder)
    write_atomic(folder / STATUS, as_json(status))
    left = [seed for seed in mine if _state(_of(folder, seed)) != "finished"]
    with Stages() as stages:
        report = stages(f"{len(mine)} seeds")
        if ray is None:
            failed = _side_by_side(folder, arguments, left, jobs, status, lambda: report(*_progress(folder, mine)))
        else:
            works = [partial(_train, folder.resolve(), arguments, seed) for seed in left]
            told = run_works(works, PlaceOptions(ray=ray), lambda: report(*_progress(folder, mine)))
            failed = {left[number]: failure.why for number, failure in told.items()}
    if failed:
        write_atomic(folder / STATUS, as_json(status | {"state": "failed"}))
        first, why = next(iter(failed.items()))
        raise DataError(f"{len(failed)} of {len(mine)} seeds failed, seed {first} with: {why}")
    if others := [seed for seed in seeds if _state(_of(folder, seed)) != "finished"]:
        return _told_share(folder, mine, others, as_document)
    methods = read_methods([folder])
    write_page(folder / "report.html", render_several(folder.name, methods))
    results = {"seeds": list(seeds), "methods": figures_of(methods)}
    write_atomic(folder / "results.json", as_json(results))
    write_atomic(folder / STATUS, as_json(status | {"state": "finished"}))
    if as_document:
        print_json({"folder": str(folder), **results})
        return 0
    rows = [(name, values["runs"], *values["true_return"].values()) for name, values in results["methods"].items()]
    print_table("true return of the last quarter", ["agent", "runs", "IQM", "low", "high", "mean", "std"], rows)
    told = f"{several_verdict(results['methods'])} Written to {folder}."
    conclude(told, ["tsreward", "watch", _of(folder, seeds[0])])
    return 0


def _side_by_side(
    folder: Path,
    arguments: Sequence[str],
    seeds: Sequence[int],
    jobs: int,
    status: dict[str, Any],
    report: Callable[[], None],
) -> dict[int, str]:
    """Train on this machine, and return why some seeds failed."""
    jobs = jobs or len(os.sched_getaffinity(0))
    waiting = list(seeds)
    running: dict[int, subprocess.Popen[bytes]] = {}
    failed: dict[int, str] = {}
    with ExitStack() as files:
        signals = files.enter_context(noted(lambda number: remark("ending every seed at its next checkpoint")))
        while waiting or running:
            if signals.number is not None:
                waiting.clear()
                for process in running.values():
                    with suppress(ProcessLookupError):
                        process.send_signal(signals.number)
                _wait(running.values())
                write_atomic(folder / STATUS, as_json(status | {"state": "stopped"}))
                signals.obey()
            while waiting and len(running) < jobs:
                seed = waiting.pop(0)
                log = files.enter_context(_log(folder, seed).open("a"))
                running[seed] = _begin(folder, arguments, seed, log)
            ended = [seed for seed, process in running.items() if process.poll() is not None]
            codes = {seed: running.pop(seed).returncode for seed in ended}
            failed |= {seed: _why(folder, seed, code) for seed, code in codes.items() if code}
            report()
            time.sleep(_POLL)
    return failed


def _train(folder: Path, arguments: Sequence[str], seed: int) -> None:
    """Train with one seed, or go on.

    Raises:
        DataError: it failed.
    """
    with _log(folder, seed).open("a") as log:
        code = _begin(folder, arguments, seed, log).wait()
    if code:
        raise DataError(_why(folder, seed, code))


def _why(folder: Path, seed: int, code: int) -> str:
    """Return why a run failed that ended with a code."""
    if code < 0:
        return f"{exit_cause(code)}: tsreward train --resume {folder} goes on from its last checkpoint."
    lines = _log(folder, seed).read_text(errors="replace").splitlines()
    return lines[-1].removeprefix("tsreward: error: ") if lines else "it said nothing"


def _log(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.log"


def _join(folder: Path, status: dict[str, Any]) -> None:
    """Make the folder of shared seeds, or join those who have made it.

    Raises:
        DataError: it holds something else, or cannot be made.
    """
    make_folder(folder)
    if not (folder / STATUS).exists():
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise DataError(f"{folder} holds something else than shared seeds: choose another name with --out.")
        return
    there = read_status(folder)
    for name in ("seeds", "arguments"):
        if there.get(name) != status[name]:
            raise DataError(
                f"{folder} holds the runs of other {name}: give the same command on every machine, but for --shard."
            )


def _told_share(folder: Path, mine: Sequence[int], others: Sequence[int], as_document: bool) -> int:
    """Tell that this share is done, and what is left."""
    if as_document:
        print_json({"folder": str(folder), "seeds": list(mine), "left": list(others)})
        return 0
    left = ", ".join(map(str, others))
    conclude(
        f"{len(mine)} seeds of this share are done, {left} are left to others. Written to {folder}.", ["ls", folder]
    )
    return 0


def _begin(folder: Path, arguments: Sequence[str], seed: int, log: TextIO) -> subprocess.Popen[bytes]:
    own = _of(folder, seed)
    imports = [word for module in named_modules() for word in ("--import", module)]
    begun = ["--resume", str(own)] if _state(own) is not None else [*arguments, "--seed", str(seed), "--out", str(own)]
    command = [sys.executable, "-m", "tsreward", "train", *imports, *begun]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    # Of a session of its own: Ctrl-C comes from us, once.
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=env, start_new_session=True)


def _wait(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Wait for processes; a second signal of ours ends them at once."""
    try:
        for process in processes:
            process.wait()
    except BaseException:
        for process in processes:
            process.kill()
        raise


def _of(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}"


def _state(folder: Path) -> str | None:
    """Return how a run is; None where there is none."""
    try:
        return str(read_status(folder)["state"])
    except (DataError, KeyError):
        return None


def _progress(folder: Path, seeds: Sequence[int]) -> tuple[int, int]:
    """Return the steps that were done and are to do in all runs together, as far as these are known."""
    known = list(_done(folder, seeds))
    done, totals = sum(done for done, _ in known), [total for _, total in known]
    return done, len(seeds) * max(totals, default=1)


def _done(folder: Path, seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    for seed in seeds:
        try:
            status = read_status(_of(folder, seed))
        except DataError:
            continue
        if "total" in status:
            yield status["done"], status["total"]
