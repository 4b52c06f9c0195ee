"""Tuning a detector of logs: how well its scores agree with the labels of the series that are given for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from tsreward.detection import metrics
from tsreward.detection.bench.records import fingerprint
from tsreward.detection.detectors.base import Detector
from tsreward.detection.detectors.composed import Smoothed
from tsreward.detection.detectors.presets import scorer_detector, train_options
from tsreward.detection.detectors.windows import WindowDetector
from tsreward.errors import DataError, OptionError, unknown_name
from tsreward.sequences.series import DetectionTask
from tsreward.tuning.objective import Direction, Objective, Outcome, Report
from tsreward.tuning.search_spaces import fit_options, options_of, search_space
from tsreward.tuning.space import Setting, Space

Metric = Literal["vus_pr", "average_precision"]
METRICS: dict[str, Callable[[DetectionTask, np.ndarray], float]] = {
    "vus_pr": lambda task, scores: metrics.vus_pr(_labels(task), scores, metrics.vus_window(task.test)),
    "average_precision": lambda task, scores: metrics.average_precision(_labels(task), scores),
}
"""Name -> function of a task and its scores [T]."""


@dataclass(frozen=True)
class DetectObjective(Objective):
    """Mean of a metric over series and seeds; series that are not given here take no part in the tuning.

    Raises:
        OptionError: no series, no seed, or an unknown metric.
        DataError: a series whose test rows are of one class.
    """

    tasks: tuple[DetectionTask, ...]
    metric: str = "vus_pr"
    alignment: Literal["causal", "centred"] = "causal"
    seeds: int = 1
    space: Space = field(default_factory=lambda: search_space("detect"))
    name: str = "detect"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise unknown_name("metric", self.metric, METRICS)
        if not self.tasks or self.seeds < 1:
            raise OptionError(f"Tuning needs series and seeds, got {len(self.tasks)} and {self.seeds} of them.")
        for task in self.tasks:
            labels = _labels(task)
            if labels.all() or not labels.any():
                raise DataError(f"{task.name}: all {len(labels)} test rows are of one class: leave the series out.")

    @property
    def directions(self) -> dict[str, Direction]:
        return {self.metric: "maximize"}

    @property
    def steps(self) -> int:
        return self.seeds * len(self.tasks) - self._fewest + 1

    @property
    def _fewest(self) -> int:
        """Series after which trials are compared: the first one alone would choose for all the others."""
        return max((len(self.tasks) + 1) // 2, min(2, len(self.tasks)))

    def settings(self) -> dict[str, Any]:
        series = {
            task.name: fingerprint(task.train.values, task.test.values, task.test.labels)[:16] for task in self.tasks
        }
        return {"series": series, "metric": self.metric, "alignment": self.alignment, "seeds": self.seeds}

    def evaluate(self, setting: Setting, report: Report) -> Outcome:
        found = np.zeros((self.seeds, len(self.tasks)))
        for index in np.ndindex(found.shape):
            seed, task = index[0], self.tasks[index[1]]
            detector = make_tuned(setting, seed, self.alignment)
            detector.fit(task.train)
            found[index] = METRICS[self.metric](task, detector.decision_function(task.test))
            done = seed * len(self.tasks) + index[1] + 1
            if done >= self._fewest:
                report(done - self._fewest, float(found.ravel()[:done].mean()))
        means = dict(zip((task.name for task in self.tasks), found.mean(axis=0).tolist(), strict=True))
        return Outcome((float(found.mean()),), details={"series": means})

    def config(self, setting: Setting) -> dict[str, dict[str, Any]]:
        options, train = scorer_detector(str(setting["scorer"]), 0).scorer_options, _train(setting, 0)
        fit = {name: value for name, value in fit_options(setting).items() if name != "smoothing"}
        given = {f"scorer.{name}": value for name, value in options.changed().items() if f"scorer.{name}" not in fit}
        budget = {
            "train.epochs": train.epochs,
            "train.windows_per_epoch": train.windows_per_epoch,
            "train.patience": train.patience,
        }
        return {"fit": {"reward": "likeness", **fit, **given, **budget}}


def make_tuned(setting: Setting, seed: int = 0, alignment: Literal["causal", "centred"] = "causal") -> Detector:
    """Return the detector that a setting of `DetectObjective` stands for.

    Raises:
        OptionError: the scorer is unknown, or an option of it cannot have its value.

    >>> make_tuned(search_space("detect").defaults()).causal
    True
    """
    usual = scorer_detector(str(setting["scorer"]), seed)
    detector = WindowDetector(
        usual.scorer,
        int(str(setting["window"])),
        replace(usual.scorer_options, **options_of("scorer", setting)),
        train=_train(setting, seed),
        power=usual.power,
    )
    return Smoothed(detector, int(str(setting["smoothing"])), alignment, false_alarm_rate=None)


def _train(setting: Setting, seed: int) -> Any:
    return train_options(seed, epochs=int(str(setting.get("train.epochs", 30))))


def _labels(task: DetectionTask) -> np.ndarray:
    assert task.test.labels is not None  # a DetectionTask has them
    return task.test.labels
