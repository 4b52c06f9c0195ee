"""All that is said about the scores of one series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsreward.detection import metrics
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.errors import DataError, ShapeError, unknown_name
from tsreward.sequences.series import DetectionTask

_DRAWS = 10


@dataclass(frozen=True)
class Judgement:
    """How well scores agree with labels, each in [0, 1]; higher is better.

    The first four need no threshold. VUS-ROC, the affiliation F1 and the point-adjusted F1 are high for random scores
    too: read them beside the random detector's.
    """

    vus_pr: float
    """Volume under the precision-recall surface, its window from the series (TSB-AD's definition)."""
    vus_roc: float
    average_precision: float
    roc_auc: float
    range_f1: float
    """The F1s from here on take the rows whose score passes the threshold, which held-out rows decided."""
    affiliation_f1: float
    event_f1: float
    f1: float
    oracle_f1: float
    """The best F1 over all thresholds: nobody can choose this one without the labels."""
    point_adjusted_f1: float
    """F1 after every anomaly with one flag in it counts as found whole."""
    point_adjusted_f1_random: float
    """The same of as many flags at random rows (mean of ten draws)."""
    flagged: float
    """Share of rows that pass the threshold; not a merit."""
    threshold: float
    """In units of the score; not a merit."""


def judge(
    task: DetectionTask,
    normal_scores: np.ndarray,
    test_scores: np.ndarray,
    threshold: str = "conformal",
    false_alarm_rate: float = 0.01,
) -> Judgement:
    """Judge the scores [T] of a task's part to judge; a row is flagged where its score is above the threshold that
    `tsreward.detection.thresholds` puts on `normal_scores` [N] of rows to learn from (see `held_out_scores`).

    Raises:
        ShapeError: not one score per row.
        DataError: NaN or inf, or a part to judge of one class only.
        OptionError: an unknown threshold, or a rate outside (0, 1).

    >>> from tsreward.detection.datasets.synthetic import smd_like
    >>> task = smd_like(seed=0, count=1)[0]
    >>> perfect = judge(task, np.arange(4000) / 4000, task.test.labels + 0.5)
    >>> perfect.f1, perfect.flagged, perfect.threshold
    (1.0, 0.04, 0.99)
    """
    if threshold not in THRESHOLDS:
        raise unknown_name("threshold", threshold, THRESHOLDS)
    if np.shape(test_scores) != (len(task.test),) or np.ndim(normal_scores) != 1:
        raise ShapeError(
            f"{task.name}: {len(task.test)} rows to judge, but scores {list(np.shape(test_scores))}, and "
            f"{list(np.shape(normal_scores))} of rows to learn from."
        )
    for part, scores in (("to learn from", normal_scores), ("to judge", test_scores)):
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise DataError(f"{task.name}: the score of row {row} {part} is {scores[row]}.")
    labels = task.test.labels
    assert labels is not None  # a DetectionTask has them
    level = float(THRESHOLDS[threshold](normal_scores, false_alarm_rate))
    flags = test_scores > level
    volumes = metrics.vus(labels, test_scores, metrics.vus_window(task.test))
    return Judgement(
        vus_pr=volumes.pr,
        vus_roc=volumes.roc,
        average_precision=metrics.average_precision(labels, test_scores),
        roc_auc=metrics.roc_auc(labels, test_scores),
        range_f1=metrics.range_f1(labels, flags),
        affiliation_f1=metrics.affiliation_f1(labels, flags),
        event_f1=metrics.event_f1(labels, flags),
        f1=metrics.f1(labels, flags),
        oracle_f1=metrics.oracle_f1(labels, test_scores),
        point_adjusted_f1=metrics.point_adjusted_f1(labels, flags),
        point_adjusted_f1_random=_at_random(labels, int(flags.sum())),
        flagged=float(flags.mean()),
        threshold=level,
    )


def _at_random(labels: np.ndarray, count: int) -> float:
    """Return the point-adjusted F1 of `count` flags at random rows."""
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS):
        flags = np.zeros(len(labels), dtype=bool)
        flags[draw.choice(len(labels), count, replace=False)] = True
        drawn.append(metrics.point_adjusted_f1(labels, flags))
    return float(np.mean(drawn))
