"""One unit of a benchmark, and the processes that do them."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import wait
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from tsreward.detection.bench.evaluate import judge
from tsreward.detection.bench.records import Cell, Record, Timings, read_record, read_scores, write_record, write_scores
from tsreward.detection.detectors.base import Detector, held_out_scores
from tsreward.errors import DataError, TSRewardError
from tsreward.sequences.series import DetectionTask


class PeakMemory:
    """Watches from now on.

    Under Linux the kernel's mark of the largest resident memory is set back first, so that `grown` is what was needed
    at most on top of the memory held now. Elsewhere, or where /proc is not there, it is how far the peak of the whole
    life of the process rose: 0 where something before needed more.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._exact = _status("VmHWM") is not None
        self._before = _status("VmRSS") or _peak()

    def grown(self) -> float:
        """Return MB (2^20 bytes)."""
        peak = _status("VmHWM") if self._exact else None
        return max(0.0, ((peak or _peak()) - self._before) / 2**10)


def _status(field: str) -> int | None:
    """Return a number of kB in Linux's account of the process."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**10 if sys.platform == "darwin" else peak


@dataclass(frozen=True)
class Work:
    """All that a cell needs."""

    cell: Cell
    task: DetectionTask
    make: Callable[[int], Detector]
    inputs: str
    judging: str
    threshold: str
    false_alarm_rate: float

    def finished(self, folder: Path) -> Record | None:
        """Return the record in the folder, if it is of these inputs and this judging, whole and without an error."""
        found = read_record(folder, self.cell)
        if found is None or found.error is not None or (found.inputs, found.judging) != (self.inputs, self.judging):
            return None
        return found if read_scores(folder, found) is not None else None

    def carry_out(self, folder: Path) -> Record:
        """Fit, score and judge; only judge, where the folder holds the scores of these inputs.

        Whatever the detector or the judging raises is written down in the record.

        Raises:
            DataError: the results cannot be written.
        """
        found = read_record(folder, self.cell)
        kept = read_scores(folder, found) if found is not None and found.inputs == self.inputs else None
        try:
            if found is not None and kept is not None:
                scores, timings = kept, found.timings
            else:
                scores, timings = self._scored()
        except Exception as error:
            return self.failed(folder, f"{type(error).__name__}: {error}")
        # The scores come first: a record is there only when they are.
        written = write_scores(folder, self.cell, *scores)
        metrics, problem = {}, None
        try:
            metrics = asdict(judge(self.task, *scores, self.threshold, self.false_alarm_rate))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        record = Record(self.cell, self.inputs, self.judging, written, metrics, timings, problem)
        write_record(folder, record)
        return record

    def failed(self, folder: Path, reason: str) -> Record:
        """Write down that there are no scores, and why."""
        record = Record(self.cell, self.inputs, self.judging, error=reason)
        write_record(folder, record)
        return record

    def _scored(self) -> tuple[tuple[np.ndarray, np.ndarray], Timings]:
        detector = self.make(self.cell.seed)
        detector.false_alarm_rate = None  # the fit for the threshold comes apart, out of the seconds
        memory, start = PeakMemory(), perf_counter()
        detector.fit(self.task.train)
        fitted = perf_counter()
        test = detector.decision_function(self.task.test)
        timings = Timings(fitted - start, perf_counter() - fitted, 0.0, memory.grown())
        normal = held_out_scores(self.make(self.cell.seed), self.task.train)
        rate = len(test) / max(timings.score_seconds, 1e-9)
        return (normal, test), replace(timings, points_per_second=rate)


_PRELOADED = ["torch", "tsreward.detection.detectors.presets", "tsreward.detection.bench.work"]
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
