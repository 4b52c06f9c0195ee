"""`run_works` and `run_units`: the same work done here, in processes, or on Ray."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

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
Work = Callable[[], object]
"""What leaves its result in files. It is sent to other processes: a `functools.partial` of a function of a module."""


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


class Failure(NamedTuple):
    """Why work failed."""

    why: str
    killed: bool = False
    """Its process ended, rather than that it raised."""


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

    homes = sorted({_home(unit.task) for unit in left})
    found = run_works([partial(unit.complete, folder.resolve()) for unit in left], place, step, homes)
    failed = {left[number].name: failure.why for number, failure in sorted(found.items())}
    done = tuple(unit.name for unit in left if unit.name not in failed)
    return Done(done, tuple(unit.name for unit in mine if unit not in left), failed)


def run_works(
    works: Sequence[Work],
    place: PlaceOptions,
    step: Callable[[], None] = lambda: None,
    preload: Iterable[str] = (),
    retries: int = RETRIES,
) -> dict[int, Failure]:
    """Do works, and return why some failed, by their place among them; `place.shard` is not looked at.

    Args:
        works: what is to do.
        place: where.
        step: called after each.
        preload: modules that processes share, in place of importing them each.
        retries: how often a work is begun again whose process was killed.

    Raises:
        DataError: Ray cannot be reached, or was lost.
        MissingExtraError: Ray is named and not installed.
    """
    if place.ray is not None:
        from tsreward.distributed.on_ray import run_on_ray

        return run_on_ray(works, place.ray, step, retries)
    if place.jobs > 1:
        return _in_processes(works, place.jobs, step, preload, retries)
    failed = {}
    for number, work in enumerate(works):
        if (why := attempt(work)) is not None:
            failed[number] = Failure(why)
        step()
    return failed


def attempt(work: Work) -> str | None:
    """Do a work, and return why it failed, or None."""
    try:
        work()
    except TSRewardError as error:
        return str(error)
    except Exception as error:
        if (told := no_room(error)) is not None:
            return told
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return None


@dataclass(frozen=True)
class _Running:
    number: int
    process: Any
    tries: int


def _in_processes(
    works: Sequence[Work], jobs: int, step: Callable[[], None], preload: Iterable[str], retries: int
) -> dict[int, Failure]:
    """Do works in up to `jobs` processes, and return why some failed."""
    server = "forkserver" in get_all_start_methods()
    context: Any = get_context("forkserver" if server else "spawn")
    if server:  # heavy packages are imported once, not by every process
        context.set_forkserver_preload([__name__, *preload])
    waiting = [(number, 1) for number in reversed(range(len(works)))]
    running: dict[Connection, _Running] = {}
    failed: dict[int, Failure] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, tries = waiting.pop()
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(works[number], there, named_modules()), daemon=True)
                with held_back():  # a process that is sent half, or not ended below, would tell of it by a traceback
                    process.start()
                    running[here] = _Running(number, process, tries)
                there.close()
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                one = running.pop(ready)
                try:
                    why = ready.recv()
                    failure = None if why is None else Failure(why)
                except (EOFError, OSError):  # it was killed
                    one.process.join()
                    if one.tries <= retries:
                        waiting.append((one.number, one.tries + 1))
                        continue
                    failure = Failure(f"{ended(one.tries)} ({_cause(one.process.exitcode)})", True)
                finally:
                    ready.close()
                one.process.join()
                if failure is not None:
                    failed[one.number] = failure
                step()
    finally:
        for one in running.values():
            one.process.kill()
            one.process.join()
    return failed


def _home(work: Any) -> str:
    """Return the module of the function of a work."""
    while isinstance(work, partial):
        work = work.func
    return str(getattr(work, "__module__", None) or __name__)


def _work(work: Work, connection: Connection, own: Sequence[str]) -> None:
    """Do a work in a process of one thread, and send why it failed, or None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # the server of processes was started while they were blocked
    one_thread()
    import_own(own)
    with suppress(BrokenPipeError):  # nobody waits any more
        connection.send(attempt(work))


def ended(tries: int) -> str:
    """Return what is told of work whose process was killed."""
    return "its process ended" + (f" {tries} times" if tries > 1 else "")


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
