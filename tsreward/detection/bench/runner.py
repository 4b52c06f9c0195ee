"""The runner: every detector on every series with every seed, each result once, in processes where asked for."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from tsreward.detection.bench.evaluate import Evaluation, evaluate, found_threshold
from tsreward.detection.bench.records import (
    Cell,
    Record,
    Timings,
    fingerprint,
    read_record,
    read_scores,
    write_record,
    write_scores,
)
from tsreward.detection.detectors.base import Detector, held_out_scores
from tsreward.detection.detectors.causality import is_causal
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.distributed.running import PlaceOptions, run_works
from tsreward.distributed.units import shard_of
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.files import make_folder
from tsreward.sequences.series import DetectionTask


def run_benchmark(
    datasets: Mapping[str, Sequence[DetectionTask]],
    detectors: Mapping[str, Callable[[int], Detector]],
    seeds: Sequence[int],
    folder: Path,
    *,
    threshold: str = "conformal",
    false_alarm_rate: float = 0.01,
    place: PlaceOptions = PlaceOptions(),  # noqa: B008 - frozen
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Run every detector on every series with every seed, and return the records that there are in that order.

    Each result is a file in the folder `results` inside `folder`. One that is there already is not made again, unless
    the series, the detector's options or the version of the package changed; where only labels, threshold or rate did,
    its scores are evaluated again. What a detector raises is recorded as a failure, and tried again by the next run.

    Args:
        datasets: name of a data set -> its series.
        detectors: name -> what makes an unfitted detector from a seed.
        seeds: each used once per detector and series.
        folder: is created.
        threshold: rule of `tsreward.detection.thresholds`: conformal, quantile or pot.
        false_alarm_rate: fraction of normal rows that may pass the threshold.
        place: where results are made: here, in processes, on Ray; of a share, the others are left to others. A process
            that is killed, e.g. because memory ran out, is recorded as the failure of its cell. What makes the
            detectors is sent to processes: functions of a module or `functools.partial` of them, not lambdas.
        progress: called with (done, total) of the results that are not there yet.

    Raises:
        OptionError: nothing to run, an unknown threshold, a rate outside (0, 1), or a name or seed given twice.
        DataError: the folder cannot be written, or Ray cannot be reached.

    >>> import tempfile
    >>> from tsreward.detection.datasets.synthetic import smd_like
    >>> from tsreward.detection.detectors.presets import DETECTORS
    >>> from tsreward.detection.bench.summary import summary
    >>> detectors = {name: DETECTORS[name] for name in ("random", "pca")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = run_benchmark({"machines": smd_like(seed=0, count=2)}, detectors, seeds=[0], folder=Path(folder))
    >>> [(row["detector"], row["series"], row["vus_pr"] > 0.5) for row in summary(records)]
    [('pca', 2, True), ('random', 2, False)]
    """
    _check(datasets, detectors, seeds, threshold, false_alarm_rate)
    results = Path(folder) / "results"
    make_folder(results)
    rules = [threshold, false_alarm_rate, [field.name for field in fields(Evaluation)]]
    makers = {
        (name, seed): fingerprint(name, seed, detectors[name](seed), version("tsreward"))
        for name, seed in product(detectors, seeds)
    }
    works = []
    for dataset, tasks in datasets.items():
        for task in tasks:
            values, labels = fingerprint(task.train.values, task.test.values), fingerprint(task.test.labels, *rules)
            for (name, seed), maker in makers.items():
                cell, inputs = Cell(name, dataset, task.name, seed), fingerprint(values, maker)
                works.append(CellWork(cell, task, detectors[name], inputs, labels, threshold, false_alarm_rate))
    missing = [work for work in shard_of(works, place.shard) if work.finished(results) is None]
    _run_all(missing, results.resolve(), place, progress)
    records = ((work, read_record(results, work.cell)) for work in works)
    # Those of other shares may be of an earlier run.
    return [record for work, record in records if record is not None and work.made(record)]


def _run_all(
    works: Sequence[CellWork], results: Path, place: PlaceOptions, progress: Callable[[int, int], None] | None
) -> None:
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, len(works))

    if progress is not None:
        progress(0, len(works))
    if place.jobs == 1 and place.ray is None:
        for work in works:
            work.run(results)
            done()
        return
    failed = run_works([partial(_run_work, work, results) for work in works], place, done, _PRELOADED, retries=0)
    for number, failure in failed.items():
        if failure.killed:
            works[number].failed(results, f"{failure.why[0].upper()}{failure.why[1:]}: out of memory?")
    if raised := {number: failure.why for number, failure in failed.items() if not failure.killed}:
        number, why = next(iter(raised.items()))
        cell = works[number].cell
        raise DataError(f"{cell.detector} on {cell.series}: {why} Results that are finished are kept.")


def _check(
    datasets: Mapping[str, Sequence[DetectionTask]],
    detectors: Mapping[str, Callable[[int], Detector]],
    seeds: Sequence[int],
    threshold: str,
    false_alarm_rate: float,
) -> None:
    if not detectors or not seeds or not any(datasets.values()):
        raise OptionError(
            f"A benchmark needs series, detectors and seeds, got {sum(map(len, datasets.values()))}, {len(detectors)} "
            f"and {len(seeds)} of them."
        )
    for dataset, tasks in datasets.items():
        twice = [name for name, count in Counter(task.name for task in tasks).items() if count > 1]
        if twice:
            raise OptionError(f"Two series of {dataset} are called '{twice[0]}': rename one.")
    if len(set(seeds)) < len(seeds):
        raise OptionError(f"Each seed is given once, got {list(seeds)}.")
    if threshold not in THRESHOLDS:
        raise unknown_name("threshold", threshold, THRESHOLDS)
    if not 0 < false_alarm_rate < 1:
        raise OptionError(f"The false-alarm rate lies between 0 and 1, got {false_alarm_rate}.")


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
class CellWork:
    """All that the result of a cell needs."""

    cell: Cell
    task: DetectionTask
    make: Callable[[int], Detector]
    inputs: str
    evaluation: str
    threshold: str
    false_alarm_rate: float

    def made(self, record: Record) -> bool:
        """Tell whether a record is of these inputs and this evaluation."""
        return (record.inputs, record.evaluation) == (self.inputs, self.evaluation)

    def finished(self, folder: Path) -> Record | None:
        """Return the record in the folder, if it is of these inputs and this evaluation, whole and without an error."""
        found = read_record(folder, self.cell)
        if found is None or found.error is not None or not self.made(found):
            return None
        return found if read_scores(folder, found) is not None else None

    def run(self, folder: Path) -> Record:
        """Fit, score and evaluate; only evaluate, where the folder holds the scores of these inputs.

        Whatever the detector or the evaluation raises is written down in the record.

        Raises:
            DataError: the results cannot be written.
        """
        found = read_record(folder, self.cell)
        kept = read_scores(folder, found) if found is not None and found.inputs == self.inputs else None
        try:
            if found is not None and kept is not None:
                made = Scored(*kept, found.timings, found.causal, None if len(kept[0]) else found.missing)
            else:
                made = self._scored()
        except Exception as error:
            return self.failed(folder, _told(error))
        # The scores come first: a record is there only when they are.
        written = write_scores(folder, self.cell, made.normal, made.test)
        metrics, missing, problem = {}, made.missing, None
        try:
            metrics = asdict(evaluate(self.task, made.normal, made.test, self.threshold, self.false_alarm_rate))
            missing = missing or found_threshold(made.normal, self.threshold, self.false_alarm_rate)[1]
        except Exception as error:
            problem = _told(error)
        record = Record(
            self.cell, self.inputs, self.evaluation, written, metrics, made.timings, problem, missing, made.causal
        )
        write_record(folder, record)
        return record

    def failed(self, folder: Path, reason: str) -> Record:
        """Write down that there are no scores, and why."""
        record = Record(self.cell, self.inputs, self.evaluation, error=reason)
        write_record(folder, record)
        return record

    def _scored(self) -> Scored:
        detector = self.make(self.cell.seed)
        detector.false_alarm_rate = None  # the fit for the threshold comes apart, out of the seconds
        memory, start = PeakMemory(), perf_counter()
        detector.fit(self.task.train)
        fitted = perf_counter()
        test = detector.decision_function(self.task.test)
        timings = Timings(fitted - start, perf_counter() - fitted, 0.0, memory.grown())
        timings = replace(timings, points_per_second=len(test) / max(timings.score_seconds, 1e-9))
        normal, missing, causal = np.zeros(0), None, None
        try:
            normal = held_out_scores(self.make(self.cell.seed), self.task.train)
        except Exception as error:  # what needs no threshold is had all the same
            missing = f"no threshold: {_told(error)}"
        with contextlib.suppress(Exception):
            causal = is_causal(detector.scores, self.task.test, test)
        return Scored(normal, test, timings, causal, missing)


@dataclass(frozen=True)
class Scored:
    """What a detector gave."""

    normal: np.ndarray
    """[N] of held-out rows; empty where it could not be fitted without them."""
    test: np.ndarray
    """[T]."""
    timings: Timings | None
    causal: bool | None
    missing: str | None
    """Why `normal` is empty."""


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


_PRELOADED = ["torch", "tsreward.detection.detectors.presets", "tsreward.detection.bench.runner"]


def _run_work(work: CellWork, folder: Path) -> None:
    """Make a result in a process of its own; what a detector prints is no result of a command."""
    with redirect_stdout(sys.stderr):
        work.run(folder)
