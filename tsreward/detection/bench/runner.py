"""The runner: every detector on every series with every seed, each result once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from itertools import product
from pathlib import Path

from tsreward.detection.bench.evaluate import Judgement
from tsreward.detection.bench.records import Cell, Record, described, digest, read_record
from tsreward.detection.bench.work import Work
from tsreward.detection.detectors.base import Detector
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.sequences.series import DetectionTask


def run(
    datasets: Mapping[str, Sequence[DetectionTask]],
    detectors: Mapping[str, Callable[[int], Detector]],
    seeds: Sequence[int],
    folder: Path,
    *,
    threshold: str = "conformal",
    false_alarm_rate: float = 0.01,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Run every detector on every series with every seed, and return the records in that order.

    Each result is a file in the folder `results` inside `folder`. One that is there already is not made again, unless
    the series, the detector's options or the version of the package changed; where only labels, threshold or rate did,
    its scores are judged again. What a detector raises is recorded as a failure, and tried again by the next run.

    Args:
        datasets: name of a data set -> its series.
        detectors: name -> what makes an unfitted detector from a seed.
        seeds: each used once per detector and series.
        folder: is created.
        threshold: name in `tsreward.detection.thresholds.THRESHOLDS`.
        false_alarm_rate: share of training rows that the threshold may flag.
        jobs: with 2 or more, every result is made in a fresh process, that many at a time.
        progress: called with (done, total) of the results that are not there yet.

    Raises:
        OptionError: nothing to run, an unknown threshold, a rate outside (0, 1), or a name or seed given twice.
        DataError: the folder cannot be written.

    >>> import tempfile
    >>> from tsreward.detection.datasets.synthetic import smd_like
    >>> from tsreward.detection.detectors.presets import DETECTORS
    >>> from tsreward.detection.bench.summary import summary
    >>> detectors = {name: DETECTORS[name] for name in ("random", "pca")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = run({"machines": smd_like(seed=0, count=2)}, detectors, seeds=[0], folder=Path(folder))
    >>> [(row["detector"], row["series"], row["vus_pr"] > 0.5) for row in summary(records)]
    [('pca', 2, True), ('random', 2, False)]
    """
    _check(datasets, detectors, seeds, threshold, false_alarm_rate, jobs)
    results = Path(folder) / "results"
    try:
        results.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot create {results}: {error.strerror}. Choose another folder.") from error
    rules = [threshold, false_alarm_rate, [field.name for field in fields(Judgement)]]
    makers = {
        (name, seed): digest(name, seed, described(detectors[name](seed)), version("tsreward"))
        for name, seed in product(detectors, seeds)
    }
    works = []
    for dataset, tasks in datasets.items():
        for task in tasks:
            values, labels = digest(task.train.values, task.test.values), digest(task.test.labels, *rules)
            for (name, seed), maker in makers.items():
                cell, inputs = Cell(name, dataset, task.name, seed), digest(values, maker)
                works.append(Work(cell, task, detectors[name], inputs, labels, threshold, false_alarm_rate))
    missing = [work for work in works if work.finished(results) is None]
    _carry_out(missing, results, jobs, progress)
    records = (read_record(results, work.cell) for work in works)
    return [record for record in records if record is not None]


def _carry_out(works: Sequence[Work], results: Path, jobs: int, progress: Callable[[int, int], None] | None) -> None:
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, len(works))

    if progress is not None:
        progress(0, len(works))
    if jobs > 1:
        from tsreward.detection.bench.work import spread

        spread(works, results, jobs, done)
        return
    for work in works:
        work.carry_out(results)
        done()


def _check(
    datasets: Mapping[str, Sequence[DetectionTask]],
    detectors: Mapping[str, Callable[[int], Detector]],
    seeds: Sequence[int],
    threshold: str,
    false_alarm_rate: float,
    jobs: int,
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
    if jobs < 1:
        raise OptionError(f"The number of jobs is at least 1, got {jobs}.")
