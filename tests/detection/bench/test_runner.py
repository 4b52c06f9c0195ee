"""Every result once: resumed, remade where something changed, and failures that stop nothing."""

from __future__ import annotations

import dataclasses
import mmap
import sys
from functools import partial

import numpy as np
import pytest

from tests.detection.bench.fakes import Broken, Counted, Distance, Dying, Hungry, Infinite, Ranked, Short, small_task
from tsreward.detection.bench import runner
from tsreward.detection.bench.evaluate import evaluate
from tsreward.detection.bench.records import read_scores
from tsreward.detection.bench.runner import CellWork, run_benchmark
from tsreward.detection.bench.summary import summary
from tsreward.detection.detectors.base import held_out_scores
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import DataError, OptionError
from tsreward.sequences.series import DetectionTask, Series


@pytest.fixture(autouse=True)
def fits(monkeypatch):
    """Return the names of the series that detectors were fitted on since the test began."""
    counted: list[str] = []
    monkeypatch.setattr(Distance, "fits", counted)
    return counted


@pytest.fixture
def datasets():
    return {"set": [small_task("a", 1), small_task("b", 2)]}


def remade(task: DetectionTask, **changes) -> DetectionTask:
    return DetectionTask(task.name, task.train, dataclasses.replace(task.test, **changes))


def test_records_come_in_order_and_hold_what_the_evaluation_says(tmp_path, datasets, fits):
    records = run_benchmark(
        datasets, {"x": Distance, "y": partial(Distance, power=2)}, [0, 1], tmp_path / "new" / "folder"
    )
    cells = [(record.cell.series, record.cell.detector, record.cell.seed) for record in records]
    assert cells == [(series, name, seed) for series in "ab" for name in "xy" for seed in (0, 1)]
    assert sorted(fits) == sorted("ab" * 4)
    task, detector = datasets["set"][1], Distance(1)
    detector.fit(task.train)
    normal, test = held_out_scores(Distance(1), task.train), detector.decision_function(task.test)
    record = records[cells.index(("b", "x", 1))]
    assert record.metrics == dataclasses.asdict(evaluate(task, normal, test))
    scores = read_scores(tmp_path / "new" / "folder" / "results", record)
    assert scores is not None
    np.testing.assert_array_equal(scores[0], normal)
    np.testing.assert_array_equal(scores[1], test)
    assert record.timings is not None
    assert record.timings.points_per_second == pytest.approx(len(test) / record.timings.score_seconds)


def test_a_second_run_fits_nothing_and_returns_the_same(tmp_path, datasets, fits):
    first = run_benchmark(datasets, {"x": Distance}, [0, 1], tmp_path)
    fits.clear()
    seen = []
    assert run_benchmark(datasets, {"x": Distance}, [0, 1], tmp_path, progress=lambda *at: seen.append(at)) == first
    assert fits == []
    assert seen == [(0, 0)]


def test_progress_counts_what_is_missing(tmp_path, datasets):
    seen = []
    run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    run_benchmark(datasets, {"x": Distance}, [0, 1], tmp_path, progress=lambda *at: seen.append(at))
    assert seen == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_changed_series_is_run_again_and_no_other(tmp_path, datasets, fits, part):
    run_benchmark(datasets, {"x": Distance, "y": Distance}, [0], tmp_path)
    fits.clear()
    task = datasets["set"][0]
    values = getattr(task, part).values.copy()
    values[7, 1] += 1e-9
    changed = dataclasses.replace(task, **{part: dataclasses.replace(getattr(task, part), values=values)})
    run_benchmark({"set": [changed, datasets["set"][1]]}, {"x": Distance, "y": Distance}, [0], tmp_path)
    assert fits == ["a", "a"]


def test_changed_options_run_again_and_no_other_detector(tmp_path, datasets, fits):
    run_benchmark(datasets, {"x": Distance, "y": Distance}, [0], tmp_path)
    fits.clear()
    run_benchmark(datasets, {"x": partial(Distance, power=3), "y": Distance}, [0], tmp_path)
    assert fits == ["a", "b"]


@pytest.mark.parametrize("change", ["labels", "threshold", "false_alarm_rate"])
def test_what_concerns_evaluation_alone_is_evaluated_again_without_a_fit(tmp_path, datasets, fits, change):
    before = run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    fits.clear()
    options = {"threshold": {"threshold": "quantile"}, "false_alarm_rate": {"false_alarm_rate": 0.2}}.get(change, {})
    if change == "labels":
        labels = np.roll(datasets["set"][0].test.labels, 3)
        datasets = {"set": [remade(datasets["set"][0], labels=labels), datasets["set"][1]]}
    after = run_benchmark(datasets, {"x": Distance}, [0], tmp_path, **options)
    assert fits == []
    assert after[0].metrics != before[0].metrics
    assert after[0].scores == before[0].scores
    assert (after[1] == before[1]) == (change == "labels")


@pytest.mark.parametrize("damage", ["record", "digit", "scores", "no scores"])
def test_a_damaged_result_is_made_again(tmp_path, datasets, fits, damage):
    records = run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    fits.clear()
    stem = tmp_path / "results" / records[1].cell.stem
    path = stem.with_name(f"{stem.name}.{'npz' if 'scores' in damage else 'json'}")
    content = path.read_bytes()
    if damage == "no scores":
        path.unlink()
    elif damage == "digit":
        path.write_bytes(content.replace(b'"vus_pr": 0.', b'"vus_pr": 1.'))
    else:
        path.write_bytes(content[:-20])
    again = run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    assert fits == ["b"]
    assert [record.metrics for record in again] == [record.metrics for record in records]


@pytest.mark.parametrize(
    ("make", "reason", "series"),
    [
        (Broken, "ZeroDivisionError: nothing to <divide>", "b"),
        (Infinite, "DataError: Infinite gave nan for row 3 of '{}'", "ab"),
        (Short, "ShapeError: Short gave scores [299] for the 300 rows of a series.", "ab"),
    ],
)
def test_a_failure_is_recorded_and_the_run_goes_on(tmp_path, datasets, make, reason, series):
    records = run_benchmark(datasets, {"bad": make, "good": Distance}, [0], tmp_path)
    failed = [record for record in records if record.error is not None]
    assert [(record.cell.detector, record.cell.series) for record in failed] == [("bad", name) for name in series]
    assert all(record.error.startswith(reason.format(record.cell.series)) for record in failed)
    assert all(record.metrics == {} and record.timings is None for record in failed)
    assert all(record.metrics for record in records if record not in failed)


def test_a_failure_is_tried_again(tmp_path, datasets, fits):
    run_benchmark(datasets, {"x": Broken}, [0], tmp_path)
    fits.clear()
    records = run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    assert "b" in fits
    assert all(record.error is None for record in records)


NEED_NONE = {"vus_pr", "vus_roc", "average_precision", "roc_auc", "oracle_f1"}
"""Metrics that need no threshold."""


@pytest.mark.parametrize(
    ("rule", "reason"),
    [({"false_alarm_rate": 1e-4}, "at least 9999 normal scores"), ({"threshold": "pot"}, "POT needs at least 10")],
)
def test_without_a_threshold_the_other_metrics_are_had(tmp_path, datasets, fits, rule, reason):
    if "threshold" in rule:
        rule["false_alarm_rate"] = 1e-3
    records = run_benchmark(datasets, {"x": Distance}, [0], tmp_path, **rule)
    for record in records:
        assert record.error is None and reason in record.missing
        assert {name for name, value in record.metrics.items() if value is not None} == NEED_NONE
    fits.clear()
    assert [found.missing for found in run_benchmark(datasets, {"x": Distance}, [0], tmp_path, **rule)] == [
        record.missing for record in records
    ]
    assert fits == []
    assert all(
        None not in record.metrics.values() for record in run_benchmark(datasets, {"x": Distance}, [0], tmp_path)
    )
    assert fits == []


def test_a_detector_that_cannot_do_with_fewer_rows_keeps_what_needs_no_threshold(tmp_path, datasets):
    (first, _) = run_benchmark(datasets, {"x": Hungry}, [0], tmp_path)
    assert first.missing.startswith("no threshold: DataError: Hungry needs 200 rows, got 100. The last 100")
    assert first.metrics["vus_pr"] > 0.1 and first.metrics["f1"] is None
    (again, _) = run_benchmark(datasets, {"x": Hungry}, [0], tmp_path, false_alarm_rate=0.05)
    assert again.missing == first.missing


def test_whether_scores_look_ahead_is_measured(tmp_path, datasets):
    records = run_benchmark(datasets, {"no": Ranked, "yes": Distance}, [0], tmp_path)
    assert [(record.cell.detector, record.causal) for record in records[:2]] == [("no", False), ("yes", True)]
    assert [row["causal"] for row in summary(records)] in ([True, False], [False, True])


def test_a_failed_evaluation_keeps_the_scores(tmp_path, datasets, fits):
    run_benchmark(datasets, {"x": Distance}, [0], tmp_path, false_alarm_rate=1e-4)
    fits.clear()
    assert all(record.metrics for record in run_benchmark(datasets, {"x": Distance}, [0], tmp_path))
    assert fits == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detectors": {}}, "needs series, detectors and seeds, got 2, 0 and 1"),
        ({"seeds": []}, "got 2, 1 and 0"),
        ({"datasets": {"set": []}}, "got 0, 1 and 1"),
        ({"datasets": {"set": [small_task("a"), small_task("a")]}}, "Two series of set are called 'a'"),
        ({"seeds": [1, 1]}, r"Each seed is given once, got \[1, 1\]"),
        ({"threshold": "conform"}, "Unknown threshold 'conform': did you mean 'conformal'"),
        ({"false_alarm_rate": 1.0}, "between 0 and 1, got 1.0"),
    ],
)
def test_what_cannot_run(tmp_path, datasets, changes, message):
    given = {"datasets": datasets, "detectors": {"x": Distance}, "seeds": [0], "folder": tmp_path} | changes
    with pytest.raises(OptionError, match=message):
        run_benchmark(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path, datasets):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"The folder .*file/results cannot be made"):
        run_benchmark(datasets, {"x": Distance}, [0], tmp_path / "file")


def test_the_same_series_name_in_two_sets(tmp_path):
    one, other = small_task("a", 1), small_task("a", 2)
    records = run_benchmark({"one": [one], "other": [other]}, {"x": Distance}, [0], tmp_path)
    assert records[0].metrics != records[1].metrics
    assert run_benchmark({"other": [other]}, {"x": Distance}, [0], tmp_path) == records[1:]


def test_names_cannot_leave_the_folder(tmp_path):
    series = Series(small_task("a").test.values, small_task("a").test.labels)
    task = DetectionTask("../../x/\0<b>", small_task("a").train, series)
    records = run_benchmark({"../set": [task]}, {"../../det": Distance}, [0], tmp_path / "out")
    assert records[0].error is None
    assert {path.parent for path in tmp_path.rglob("*.json")} == {tmp_path / "out" / "results"}


def use(megabytes: int) -> None:
    """Take fresh pages from the system, whatever the heap has left over, touch each, and give them back."""
    with mmap.mmap(-1, megabytes * 2**20) as block:
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak cannot be set back")
def test_growth_is_that_of_the_watched_part():
    use(64)
    watch = runner.PeakMemory()
    assert watch.grown() < 10
    use(16)
    assert 10 < watch.grown() < 30


def test_without_proc_the_peak_of_the_process_counts(monkeypatch):
    monkeypatch.setattr(runner, "_status", lambda field: None)
    peaks = iter([5000, 5000, 7048, 4000])
    monkeypatch.setattr(runner, "_peak", lambda: next(peaks))
    watch = runner.PeakMemory()
    assert [watch.grown() for _ in range(3)] == [0, 2, 0]


DATASETS = {"set": [small_task("a", 1), small_task("b", 2)]}
TWO = PlaceOptions(jobs=2)


def timeless(records):
    return [dataclasses.replace(record, timings=None) for record in records]


def test_processes_give_the_same_results(tmp_path):
    detectors = {"x": Distance, "bad": Broken}
    alone = run_benchmark(DATASETS, detectors, [0, 1], tmp_path / "alone")
    seen = []
    spread = run_benchmark(
        DATASETS, detectors, [0, 1], tmp_path / "spread", place=TWO, progress=lambda *at: seen.append(at)
    )
    assert timeless(spread) == timeless(alone)
    assert seen == [(done, 8) for done in range(9)]


def test_shares_make_what_one_makes(tmp_path):
    detectors = {"x": Distance, "y": Distance}
    first = run_benchmark(DATASETS, detectors, [0], tmp_path / "shared", place=PlaceOptions(shard="1/2"))
    assert [record.cell.detector for record in first] == ["x", "x"]
    both = run_benchmark(DATASETS, detectors, [0], tmp_path / "shared", place=PlaceOptions(shard="2/2"))
    assert timeless(both) == timeless(run_benchmark(DATASETS, detectors, [0], tmp_path / "alone"))
    changed = {"set": [remade(DATASETS["set"][0], values=DATASETS["set"][0].test.values + 1), DATASETS["set"][1]]}
    mine = run_benchmark(changed, detectors, [0], tmp_path / "shared", place=PlaceOptions(shard="1/2"))
    assert [(one.cell.detector, one.cell.series) for one in mine] == [("x", "a"), ("x", "b"), ("y", "b")]  # y is older


def test_a_process_that_dies_is_a_failure_of_its_cell(tmp_path):
    detectors = {"dying": Dying, "x": partial(Counted, tmp_path / "fits")}
    records = run_benchmark(DATASETS, detectors, [0], tmp_path, place=TWO)
    assert [record.error for record in records] == [
        None,
        None,
        "Its process ended (SIGKILL): out of memory?",
        None,
    ]
    run_benchmark(DATASETS, detectors, [0], tmp_path, place=TWO)
    assert (tmp_path / "fits").read_bytes() == b".."


def test_results_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(CellWork, "finished", lambda self, folder: _fill(folder, self.cell.stem))
    with pytest.raises(DataError, match=r"x on [ab]: .* Results that are finished are kept\."):
        run_benchmark(DATASETS, {"x": Distance}, [0], tmp_path, place=TWO)


def _fill(folder, stem):
    """Put a folder where the scores should go."""
    (folder / f"{stem}.npz" / "in the way").mkdir(parents=True)
