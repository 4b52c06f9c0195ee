"""Cells in processes of their own, so many at a time."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import wait
from pathlib import Path

import torch

from tsreward.errors import DataError, TSRewardError
from tsreward.evaluation.bench.work import Work

_PRELOADED = ["torch", "tsreward.detectors.table", "tsreward.evaluation.bench.work"]
_ENDING = (signal.SIGINT, signal.SIGTERM)


def spread(works: Sequence[Work], folder: Path, jobs: int, done: Callable[[], None]) -> None:
    """Carry out every work in a fresh process, `jobs` at a time; call `done` after each.

    A process that a signal ends, e.g. because memory ran out, is recorded as the failure of its cell. What makes the
    detectors is sent to the processes: functions of a module or `functools.partial` of them, not lambdas.

    Raises:
        DataError: a process could not write its results.
    """
    context = get_context("forkserver") if "forkserver" in get_all_start_methods() else get_context("spawn")
    context.set_forkserver_preload(_PRELOADED)  # torch takes seconds to import, once and not in every process
    waiting, running = deque(works), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                work = waiting.popleft()
                process = context.Process(target=_carry_out, args=(work, folder, torch.get_num_threads()), daemon=True)
                with _uninterrupted():  # half of what a process is sent would be a traceback of its own
                    process.start()
                running[process.sentinel] = (process, work)
            for sentinel in wait(list(running)):
                process, work = running.pop(sentinel)
                process.join()
                if process.exitcode < 0:
                    name = signal.Signals(-process.exitcode).name
                    work.failed(folder, f"Its process was ended by {name}" + ": out of memory?" * (name == "SIGKILL"))
                elif process.exitcode:
                    raise DataError(
                        f"The process of {work.cell.detector} on {work.cell.series} ended with {process.exitcode}: "
                        f"what it wrote to stderr says why. Results that are finished are kept."
                    )
                done()
    finally:
        for process, _ in running.values():
            process.kill()
            process.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let signals that end a command wait until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _carry_out(work: Work, folder: Path, threads: int) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)  # the server of processes was started while they were blocked
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    torch.set_num_threads(threads)
    with redirect_stdout(sys.stderr):
        try:
            work.carry_out(folder)
        except TSRewardError as error:
            raise SystemExit(str(error)) from None  # one line on stderr, and exit code 1
