"""An evaluation is what the metrics say, with flags from normal scores alone; which rows protocols give to fit on."""

from __future__ import annotations

import csv
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tests.detection.bench.fakes import small_task
from tsreward.detection import metrics
from tsreward.detection.bench.evaluate import PROTOCOLS, evaluate, published_split, tsb_ad
from tsreward.detection.datasets.smd import load_smd
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.sequences.series import DetectionTask, Series

TASK = small_task("a", rows=400)
LABELS = np.asarray(TASK.test.labels)


@pytest.fixture
def scores():
    return np.abs(TASK.train.values).mean(axis=1), np.abs(TASK.test.values).mean(axis=1)


@pytest.mark.parametrize(("threshold", "rate"), [("conformal", 0.01), ("quantile", 0.1), ("pot", 0.001)])
def test_every_field_is_the_metric_of_its_name(scores, threshold, rate):
    train, test = scores
    if threshold == "pot":
        train = np.tile(train, 5) + 1e-6 * np.arange(5 * len(train))
        task = DetectionTask("a", Series(np.zeros((len(train), 2))), TASK.test)
    else:
        task = TASK
    found = evaluate(task, train, test, threshold, rate)
    level = THRESHOLDS[threshold](train, rate)
    flags, window = test > level, metrics.vus_window(TASK.test)
    assert found.threshold == level
    assert found.flag_rate == flags.mean()
    assert found.vus_pr == metrics.vus_pr(LABELS, test, window)
    assert found.vus_roc == metrics.vus_roc(LABELS, test, window)
    for name in ("average_precision", "roc_auc", "oracle_f1"):
        assert getattr(found, name) == getattr(metrics, name)(LABELS, test)
    for name in ("range_f1", "affiliation_f1", "event_f1", "f1", "point_adjusted_f1"):
        assert getattr(found, name) == getattr(metrics, name)(LABELS, flags)
    assert all(type(value) is float for value in asdict(found).values())


def test_the_threshold_does_not_see_the_test_rows(scores):
    train, test = scores
    assert evaluate(TASK, train, test).threshold == evaluate(TASK, train, 100 * test).threshold


def test_random_flags_are_as_many(scores):
    train, test = scores
    found = evaluate(TASK, train, test, "quantile", 0.1)
    assert 0 < found.point_adjusted_f1_random < found.point_adjusted_f1
    assert evaluate(TASK, train, test, "quantile", 0.1) == found
    everything = evaluate(TASK, train, test + 100)
    assert everything.flag_rate == 1
    assert everything.point_adjusted_f1_random == everything.point_adjusted_f1


def test_no_flag_is_no_error(scores):
    train, test = scores
    found = evaluate(TASK, train + 100, test)
    assert found.flag_rate == found.f1 == found.event_f1 == found.point_adjusted_f1_random == 0


def test_constant_scores():
    found = evaluate(TASK, np.ones(200), np.ones(400))
    assert found.roc_auc == 0.5
    assert found.flag_rate == 0


def test_what_cannot_be_evaluated(scores):
    train, test = scores
    with pytest.raises(OptionError, match="Unknown threshold 'quantil': did you mean 'quantile'"):
        evaluate(TASK, train, test, "quantil")
    with pytest.raises(OptionError, match="rate"):
        evaluate(TASK, train, test, false_alarm_rate=0)
    with pytest.raises(ShapeError, match=r"a: 400 test rows, but scores \[399\]"):
        evaluate(TASK, train, test[1:])
    test[5] = np.inf
    with pytest.raises(DataError, match="a: the score of test row 5 is inf"):
        evaluate(TASK, train, test)
    quiet = DetectionTask("b", TASK.train, Series(TASK.test.values, np.zeros(400)))
    with pytest.raises(DataError):
        evaluate(quiet, train, np.ones(400))


DATA = Path(__file__).parents[2].parent / "shared" / "data"


def task(rows: int, first: int | None) -> DetectionTask:
    labels = np.zeros(rows, dtype=bool)
    if first is not None:
        labels[first : first + 5] = True
    values = np.arange(rows, dtype=float)[:, None]
    return DetectionTask("a", Series(-values[:50] - 1), Series(values, labels, "a", ("load",), np.arange(rows) * 60))


@pytest.mark.parametrize(
    ("rows", "first", "learned"),
    [(1000, 900, 250), (1000, 350, 250), (1000, 349, 249), (1000, 101, 1), (1003, 1002, 250), (1000, None, 250)],
)
def test_rows_to_fit_on(rows, first, learned):
    given = task(rows, first)
    made = tsb_ad(given)
    assert len(made.train) == learned
    np.testing.assert_array_equal(made.train.values, given.test.values[:learned])
    assert made.train.columns == ("load",)
    assert made.test is given.test
    assert made.name == given.name


@pytest.mark.parametrize("first", [0, 50, 100])
def test_no_rows_left(first):
    with pytest.raises(DataError, match=f"a: 1000 test rows, anomalous from row {first} on, .*use the protocol split"):
        tsb_ad(task(1000, first))


def test_too_short():
    with pytest.raises(DataError, match="3 test rows"):
        tsb_ad(task(3, None))


def test_a_prefix_is_left_alone():
    given = task(1000, 150)
    made = DetectionTask("a", given.test.rows(0, 400), given.test)
    assert tsb_ad(made) is made
    assert tsb_ad(tsb_ad(given)).train.values.shape == (50, 1)


def test_as_published():
    given = task(1000, 500)
    assert published_split(given) is given
    assert PROTOCOLS["split"] is published_split
    assert PROTOCOLS["tsb-ad"] is tsb_ad


@pytest.mark.skipif(not (DATA / "smd").is_dir(), reason="needs the Server Machine Dataset in ../shared/data/smd")
def test_the_leaderboards_file_names():
    with (DATA / "tsb-ad" / "vus_pr_smd.csv").open(newline="") as file:
        published = {row["machine"]: int(re.findall(r"_tr_(\d+)_", row["file"])[0]) for row in csv.DictReader(file)}
    assert {made.name: len(tsb_ad(made).train) for made in load_smd(DATA / "smd")} == published
