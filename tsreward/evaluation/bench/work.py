"""One cell carried out: fit, score, judge, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from tsreward.detectors.base import Detector
from tsreward.detectors.calibration_scores import held_out_scores
from tsreward.errors import DataError, ShapeError
from tsreward.evaluation.bench.memory import PeakMemory
from tsreward.evaluation.bench.records import (
    Cell,
    Record,
    Timings,
    read_record,
    read_scores,
    write_record,
    write_scores,
)
from tsreward.evaluation.judging import judge
from tsreward.series import DetectionTask


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
        detector, memory, start = self.make(self.cell.seed), PeakMemory(), perf_counter()
        detector.fit(self.task.train)
        fitted = perf_counter()
        test = _checked(detector.score(self.task.test), len(self.task.test))
        timings = Timings(fitted - start, perf_counter() - fitted, 0.0, memory.grown())
        normal = held_out_scores(lambda: self.make(self.cell.seed), self.task.train)
        rate = len(test) / max(timings.score_seconds, 1e-9)
        return (_checked(normal, len(normal)), test), replace(timings, points_per_second=rate)


def _checked(scores: np.ndarray, rows: int) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (rows,):
        raise ShapeError(f"The detector gave scores {list(scores.shape)} for {rows} rows.")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise DataError(f"The detector gave {scores[bad[0]]} for row {bad[0]}, and {len(bad)} scores like it in all.")
    return scores
