"""`run_units`: the same units done here, in processes, or on Ray, into one folder."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from tsreward.distributed.units import Unit, check_units, shard_of
from tsreward.errors import DataError, TSRewardError
from tsreward.files import make_folder, no_room
from tsreward.interrupts import ENDING, held_back
from tsreward.options import Options, option
from tsreward.pipeline.own_names import import_own, named_modules

RETRIES = 3
"""How often work is begun again whose process was killed."""
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class PlaceOptions(Options):
    """Where work is done that falls into units, such as one file each.

    >>> PlaceOptions(jobs=2, ray="auto")
    Traceback (most recent call last):
    tsreward.errors.OptionError: PlaceOptions.ray must be None where jobs is above 1, got 'auto': Ray decides how many \
run.
    """

    jobs: int = option(1, low=1)
    """Units at a time, each in its own process of one thread."""
    ray: str | None = None
    """Address of a Ray cluster (auto, HOST:PORT), whose nodes see the same folders; local starts one here."""
    shard: str | None = None
    """i/n: do every n-th unit from the i-th on, as one of n machines or of a SLURM array that share a folder."""

    def check(self) -> None:
        if self.ray is not None and self.jobs > 1:
            self.refuse("ray", "None where jobs is above 1", "Ray decides how many run")


@dataclass(frozen=True)
class Done:
    """How the units of a run ended."""

    done: tuple[str, ...]
    """Names of those that were done now."""
    there: tuple[str, ...]
    """Names of those whose file was there."""
    failed: dict[str, str]
    """Name -> why, of those that have no file, in the order of the units."""


def run_units(
    units: Sequence[Unit], folder: Path, place: PlaceOptions = PlaceOptions(), progress: Progress | None = None
) -> Done:
    """Do all units of the share whose file is not in the folder yet.

    Work is done at least once, and its file is there exactly once: whoever is killed leaves nothing half-written, and
    the same call goes on where it was. Work that raises fails alone; work whose process is killed is begun again, up
    to three times.

    Args:
        units: what is to do.
        folder: where the files go; it is created.
        place: where the work is done.
        progress: called with the number of units that are done, and of all.

    Raises:
        OptionError: no such share.
        DataError: two units are the same, or Ray cannot be reached or was lost; finished files stay.
        MissingExtraError: Ray is named and not installed.

    >>> import tempfile
    >>> units = [Unit(name, {"data": name}, Path.touch, ".txt") for name in "abc"]
    >>> with tempfile.TemporaryDirectory() as place:
    ...     print(run_units(units, Path(place), PlaceOptions(shard="1/2")))
    Done(done=('a', 'c'), there=(), failed={})
    """
    check_units(units)
    mine = shard_of(units, place.shard)
    make_folder(folder)
    left = [unit for unit in mine if not (folder / unit.file).exists()]
    ended = len(mine) - len(left)

    def step() -> None:
        nonlocal ended
        ended += 1
        if progress is not None:
            progress(ended, len(mine))

    if place.ray is not None:
        from tsreward.distributed.on_ray import run_on_ray

        failed = run_on_ray(left, folder, place.ray, step)
    elif place.jobs > 1:
        failed = _in_processes(left, folder, place.jobs, step)
    else:
        failed = {unit.name: told for unit in left if (told := _here(unit, folder, step)) is not None}
    done = tuple(unit.name for unit in left if unit.name not in failed)
    there = tuple(unit.name for unit in mine if unit not in left)
    return Done(done, there, {unit.name: failed[unit.name] for unit in left if unit.name in failed})


def completed(unit: Unit, folder: Path) -> str | None:
    """Do a unit, and return why it failed, or None."""
    try:
        unit.complete(folder)
    except TSRewardError as error:
        return str(error)
    except Exception as error:
        if (told := no_room(error)) is not None:
            return told
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return None


def _here(unit: Unit, folder: Path, step: Callable[[], None]) -> str | None:
    told = completed(unit, folder)
    step()
    return told


@dataclass(frozen=True)
class _Running:
    unit: Unit
    process: Any
    tries: int


def _in_processes(units: Sequence[Unit], folder: Path, jobs: int, step: Callable[[], None]) -> dict[str, str]:
    """Do units in up to `jobs` processes, and return why some failed."""
    server = "forkserver" in get_all_start_methods()
    context: Any = get_context("forkserver" if server else "spawn")
    if server:  # heavy packages are imported once, not by every process
        context.set_forkserver_preload([__name__, *sorted({_home(unit) for unit in units})])
    waiting = [(unit, 1) for unit in reversed(units)]
    running: dict[Connection, _Running] = {}
    failed: dict[str, str] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                unit, tries = waiting.pop()
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(unit, folder, there, named_modules()), daemon=True)
                with held_back():
                    process.start()
                there.close()
                running[here] = _Running(unit, process, tries)
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                one = running.pop(ready)
                try:
                    told = ready.recv()
                except (EOFError, OSError):  # it was killed
                    one.process.join()
                    if one.tries <= RETRIES:
                        waiting.append((one.unit, one.tries + 1))
                        continue
                    told = f"its process ended {one.tries} times ({_cause(one.process.exitcode)})"
                finally:
                    ready.close()
                one.process.join()
                if told is not None:
                    failed[one.unit.name] = told
                step()
    finally:
        for one in running.values():
            one.process.kill()
            one.process.join()
    return failed


def _home(unit: Unit) -> str:
    """Return the module of a unit's function."""
    task = unit.task
    while isinstance(task, partial):
        task = task.func
    return str(getattr(task, "__module__", None) or __name__)


def _work(unit: Unit, folder: Path, connection: Connection, own: Sequence[str]) -> None:
    """Do a unit in a process of one thread, and send why it failed, or None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    one_thread()
    import_own(own)
    connection.send(completed(unit, folder))


def one_thread() -> None:
    """Let torch use one thread."""
    torch.set_num_threads(1)


def _cause(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def require(done: Done) -> None:
    """Raise where a unit failed.

    Raises:
        DataError: the first one with its cause, and how many there are.
    """
    if done.failed:
        name, why = next(iter(done.failed.items()))
        number = len(done.failed)
        others = "" if number == 1 else f" and {number - 1} others"
        raise DataError(f"{name}{others} failed: {why} The files of the others are there; the same command goes on.")
