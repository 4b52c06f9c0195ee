"""A judgement is what the metrics say, with flags from training scores alone."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from tests.detection.bench.fakes import small_task
from tsreward.detection import metrics
from tsreward.detection.bench.evaluate import judge
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
    judgement = judge(task, train, test, threshold, rate)
    level = THRESHOLDS[threshold](train, rate)
    flags, window = test > level, metrics.vus_window(TASK.test)
    assert judgement.threshold == level
    assert judgement.flagged == flags.mean()
    assert judgement.vus_pr == metrics.vus_pr(LABELS, test, window)
    assert judgement.vus_roc == metrics.vus_roc(LABELS, test, window)
    for name in ("average_precision", "roc_auc", "oracle_f1"):
        assert getattr(judgement, name) == getattr(metrics, name)(LABELS, test)
    for name in ("range_f1", "affiliation_f1", "event_f1", "f1", "point_adjusted_f1"):
        assert getattr(judgement, name) == getattr(metrics, name)(LABELS, flags)
    assert all(type(value) is float for value in asdict(judgement).values())


def test_the_threshold_does_not_see_what_is_judged(scores):
    train, test = scores
    assert judge(TASK, train, test).threshold == judge(TASK, train, 100 * test).threshold


def test_random_flags_are_as_many(scores):
    train, test = scores
    judgement = judge(TASK, train, test, "quantile", 0.1)
    assert 0 < judgement.point_adjusted_f1_random < judgement.point_adjusted_f1
    assert judge(TASK, train, test, "quantile", 0.1) == judgement
    everything = judge(TASK, train, test + 100)
    assert everything.flagged == 1
    assert everything.point_adjusted_f1_random == everything.point_adjusted_f1


def test_no_flag_is_no_error(scores):
    train, test = scores
    judgement = judge(TASK, train + 100, test)
    assert judgement.flagged == judgement.f1 == judgement.event_f1 == judgement.point_adjusted_f1_random == 0


def test_constant_scores():
    judgement = judge(TASK, np.ones(200), np.ones(400))
    assert judgement.roc_auc == 0.5
    assert judgement.flagged == 0


def test_what_cannot_be_judged(scores):
    train, test = scores
    with pytest.raises(OptionError, match="Unknown threshold 'quantil': did you mean 'quantile'"):
        judge(TASK, train, test, "quantil")
    with pytest.raises(OptionError, match="rate"):
        judge(TASK, train, test, false_alarm_rate=0)
    with pytest.raises(ShapeError, match=r"a: 400 rows to judge, but scores \[399\]"):
        judge(TASK, train, test[1:])
    test[5] = np.inf
    with pytest.raises(DataError, match="a: the score of row 5 to judge is inf"):
        judge(TASK, train, test)
    quiet = DetectionTask("b", TASK.train, Series(TASK.test.values, np.zeros(400)))
    with pytest.raises(DataError):
        judge(quiet, train, np.ones(400))
