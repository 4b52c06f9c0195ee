"""What is measured of the scores of one series, and which rows a detector is fitted and evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsreward.detection import metrics
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, ShapeError, unknown_name
from tsreward.sequences.series import DetectionTask

_DRAWS = 10


@dataclass(frozen=True)
class Evaluation:
    """How well scores agree with labels, each in [0, 1]; higher is better.

    The first four and the oracle's F1 need no threshold. VUS-ROC, the affiliation F1 and the point-adjusted F1 are high
    for random scores too: read them beside the random detector's.
    """

    vus_pr: float
    """Volume under the precision-recall surface, its window from the series (TSB-AD's definition)."""
    vus_roc: float
    average_precision: float
    roc_auc: float
    range_f1: float | None
    """The F1s from here on take the rows whose score passes the threshold, which held-out rows decided. They are None
    where there is no threshold."""
    affiliation_f1: float | None
    event_f1: float | None
    f1: float | None
    oracle_f1: float
    """The best F1 over all thresholds: nobody can choose this one without the labels."""
    point_adjusted_f1: float | None
    """F1 after every anomaly with one flag in it counts as found whole."""
    point_adjusted_f1_random: float | None
    """The same of as many flags at random rows, on average over ten draws."""
    flag_rate: float | None
    """Fraction of rows that pass the threshold; not a merit."""
    threshold: float | None
    """In units of the score; not a merit."""


def evaluate(
    task: DetectionTask,
    normal_scores: np.ndarray,
    test_scores: np.ndarray,
    threshold: str = "conformal",
    false_alarm_rate: float = 0.01,
) -> Evaluation:
    """Compare scores of a task's test rows with their labels; a row is flagged where its score is above the threshold.

    Where the normal scores are too few, or not such as the rule can use, only what needs the threshold is missing.

    Args:
        task: series with labels.
        normal_scores: [N] of normal rows, from which the threshold is made (see `held_out_scores`).
        test_scores: [T] of the test rows, higher is more anomalous.
        threshold: rule of `tsreward.detection.thresholds`: conformal, quantile or pot.
        false_alarm_rate: fraction of normal rows that may pass the threshold.

    Raises:
        ShapeError: not one score per row.
        DataError: NaN or inf, or test rows of one class only.
        OptionError: an unknown threshold, or a rate outside (0, 1).

    >>> from tsreward.detection.datasets.synthetic import smd_like
    >>> task = smd_like(seed=0, count=1)[0]
    >>> perfect = evaluate(task, np.arange(4000) / 4000, task.test.labels + 0.5)
    >>> perfect.f1, perfect.flag_rate, perfect.threshold
    (1.0, 0.04, 0.99)
    """
    if threshold not in THRESHOLDS:
        raise unknown_name("threshold", threshold, THRESHOLDS)
    if np.shape(test_scores) != (len(task.test),) or np.ndim(normal_scores) != 1:
        raise ShapeError(
            f"{task.name}: {len(task.test)} test rows, but scores {list(np.shape(test_scores))}, and "
            f"{list(np.shape(normal_scores))} of normal rows."
        )
    for part, scores in (("normal", normal_scores), ("test", test_scores)):
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise DataError(f"{task.name}: the score of {part} row {row} is {scores[row]}.")
    labels = task.test.labels
    assert labels is not None  # a DetectionTask has them
    level, _ = found_threshold(normal_scores, threshold, false_alarm_rate)
    flags = None if level is None else test_scores > level

    def flagged(metric: Callable[[np.ndarray, np.ndarray], float]) -> float | None:
        return None if flags is None else metric(labels, flags)

    volumes = metrics.vus(labels, test_scores, metrics.vus_window(task.test))
    return Evaluation(
        vus_pr=volumes.pr,
        vus_roc=volumes.roc,
        average_precision=metrics.average_precision(labels, test_scores),
        roc_auc=metrics.roc_auc(labels, test_scores),
        range_f1=flagged(metrics.range_f1),
        affiliation_f1=flagged(metrics.affiliation_f1),
        event_f1=flagged(metrics.event_f1),
        f1=flagged(metrics.f1),
        oracle_f1=metrics.oracle_f1(labels, test_scores),
        point_adjusted_f1=flagged(metrics.point_adjusted_f1),
        point_adjusted_f1_random=flagged(_at_random),
        flag_rate=flagged(lambda _, flags: float(flags.mean())),
        threshold=level,
    )


def found_threshold(scores: np.ndarray, threshold: str, false_alarm_rate: float) -> tuple[float | None, str | None]:
    """Return the threshold of normal scores [N], or None and why there is none: too few for the rule, for example."""
    try:
        return float(THRESHOLDS[threshold](scores, false_alarm_rate)), None
    except DataError as error:
        return None, str(error)


def _at_random(labels: np.ndarray, given: np.ndarray) -> float:
    """Return the point-adjusted F1 of as many flags at random rows."""
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS):
        flags = np.zeros(len(labels), dtype=bool)
        flags[draw.choice(len(labels), int(given.sum()), replace=False)] = True
        drawn.append(metrics.point_adjusted_f1(labels, flags))
    return float(np.mean(drawn))


_CLEAR = 100
"""Rows that the leaderboard leaves between the training rows and the first anomaly."""


def published_split(task: DetectionTask) -> DetectionTask:
    """Return the task as its data set publishes it: fit on one part, evaluate on the other."""
    return task


def tsb_ad(task: DetectionTask) -> DetectionTask:
    """Return the task under the protocol of the TSB-AD leaderboard (Liu & Paparrizos, NeurIPS 2024).

    All T test rows are scored and evaluated; a detector is fitted on the first min(T // 4, first anomalous row − 100)
    of them and on nothing else. This is the number after `tr_` in the names of the leaderboard's files. Where the
    training rows are the first test rows already, the task is returned as it is.

    Raises:
        DataError: the first anomaly comes so early that no row is left to fit on.

    >>> from tsreward.sequences.series import Series
    >>> test = Series(np.zeros((1000, 1)), labels=np.arange(1000) >= 300)
    >>> len(tsb_ad(DetectionTask("a", train=test.rows(0, 5), test=Series(test.values + 1, test.labels))).train)
    200
    """
    if _is_prefix(task):
        return task
    labels = task.test.labels
    assert labels is not None  # a DetectionTask has them
    first = int(labels.argmax()) if labels.any() else len(labels) + _CLEAR
    rows = min(len(labels) // 4, first - _CLEAR)
    if rows < 1:
        raise DataError(
            f"{task.name}: {len(labels)} test rows, anomalous from row {first} on, leave none to fit on under the "
            f"tsb-ad protocol, which takes at most a quarter and keeps {_CLEAR} rows clear: use the protocol split."
        )
    return DetectionTask(task.name, task.test.rows(0, rows), task.test)


def _is_prefix(task: DetectionTask) -> bool:
    rows = len(task.train)
    return rows <= len(task.test) and np.array_equal(task.train.values, task.test.values[:rows])


PROTOCOLS: dict[str, Callable[[DetectionTask], DetectionTask]] = {"split": published_split, "tsb-ad": tsb_ad}
"""Name -> function of a task as published that returns the task with the rows that the protocol gives it."""
