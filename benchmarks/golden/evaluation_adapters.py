"""What the golden numbers of evaluation need of the package, in thin functions: see `reward_adapters`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.golden.reward_adapters import MODES, small_model, wrap_env
from tsreward.audit.auditing import audit_reward
from tsreward.audit.comparison import compare
from tsreward.cli.main import main as command_line
from tsreward.data import relabelling
from tsreward.data.columns import DataColumns
from tsreward.detection import metrics
from tsreward.detection.datasets.synthetic import smd_like
from tsreward.detection.detectors.presets import DETECTORS, make_detector
from tsreward.detection.thresholds import THRESHOLDS
from tsreward.encoders.conv import ConvEncoder, ConvOptions
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.run_folder import installed_versions
from tsreward.rewards.likeness import Likeness
from tsreward.rewards.penalty import Penalty
from tsreward.scorers.deep_svdd import DeepSVDD
from tsreward.scorers.knn import KNN, KNNOptions
from tsreward.scorers.mahalanobis import Mahalanobis
from tsreward.sequences.episodes import Episode
from tsreward.testing import check_encoder, check_model, check_reward_env, check_scorer

__all__ = ["Episode", "installed_versions", "small_model"]

DETECTOR_NAMES = tuple(DETECTORS)


# Detection ------------------------------------------------------------------------------------------------------------

BY_SCORES = ("roc_auc", "average_precision", "oracle_f1", "oracle_point_adjusted_f1")
BY_FLAGS = (
    *("precision", "recall", "f1", "point_adjusted_f1", "event_precision", "event_recall", "event_f1"),
    *("range_precision", "range_recall", "range_f1"),
    *("affiliation_precision", "affiliation_recall", "affiliation_f1"),
)


def metric_values(labels: np.ndarray, scores: np.ndarray, flags: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Yield every metric of a series by name."""
    for name in BY_SCORES:
        yield name, getattr(metrics, name)(labels, scores)
    for name in BY_FLAGS:
        yield name, getattr(metrics, name)(labels, flags)
    for bias in ("flat", "front", "back", "middle"):
        for cardinality in ("one", "reciprocal"):
            arguments = {"alpha": 0.3, "bias": bias, "cardinality": cardinality}
            yield f"range_f1-{bias}-{cardinality}", metrics.range_f1(labels, flags, **arguments)
    for window in (2, 12, 40):
        both = metrics.vus(labels, scores, window)
        yield f"vus-{window}", [both.pr, both.roc]
        yield f"vus_pr-{window}", metrics.vus_pr(labels, scores, window)
        yield f"vus_roc-{window}", metrics.vus_roc(labels, scores, window)
    ranks = scores.argsort().argsort() / len(scores)
    parts = [part for part in (slice(0, 90), slice(90, 200), slice(200, None)) if len(labels[part])]
    videos = [labels[part] for part in parts], [ranks[part] for part in parts]
    yield "micro_auc", metrics.micro_auc(*videos)
    yield "macro_auc", metrics.macro_auc(*videos)
    yield "vus_window", metrics.vus_window(np.sin(np.arange(len(scores)) / 5) + 0.1 * scores)


def thresholds(scores: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield every threshold rule at a few false-alarm rates."""
    for name, rule in THRESHOLDS.items():
        for rate in (0.2, 0.03, 0.01):
            yield f"{name}-{rate}", rule(scores, rate)


def synthetic(seed: int, steps: int, dim: int) -> Any:
    """Return a small task of the synthetic set of servers."""
    return smd_like(seed=seed, count=1, steps=steps, dim=dim)[0]


def task_parts(task: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to learn from, the rows to judge and their labels."""
    return task.train.values, task.test.values, task.test.labels


def detect(name: str, task: Any, alignment: Any) -> np.ndarray:
    """Return the scores [T] of a detector."""
    detector = make_detector(name, seed=0, alignment=alignment)
    detector.fit(task.train)
    return detector.decision_function(task.test)


def command(*arguments: object) -> Any:
    """Return the JSON document that a command prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()) as errors:
        status = command_line([*map(str, arguments), "--json"])
    if status:
        raise RuntimeError(f"{arguments} ended with {status}: {errors.getvalue()[-500:]}")
    return json.loads(printed.getvalue())


JUDGED = {
    name: name
    for name in (
        *("vus_pr", "vus_roc", "average_precision", "roc_auc", "range_f1", "affiliation_f1", "event_f1", "f1"),
        *("oracle_f1", "point_adjusted_f1", "point_adjusted_f1_random", "threshold", "flag_rate"),
    )
}
"""Neutral name of a column of the benchmark's table -> what it is called now."""


def benchmark(detectors: Sequence[str], folder: Path) -> Iterator[tuple[str, list[float]]]:
    """Yield the rows of a detection benchmark: detector and series -> its columns in the order of `JUDGED`."""
    arguments = ("--format", "synthetic", "--series", "machine-1-1", "machine-1-2", "--seeds", 2, "--no-report")
    found = command("bench", "detect", "--out", folder, "--detectors", *detectors, *arguments)
    for row in found["table"]:
        yield f"{row['detector']}/mean", [row[name] for neutral, name in JUDGED.items() if neutral != "threshold"]
    with (folder / "series.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = f"{row['detector']}/{row['series']}/{row['seed']}"
            yield name, [float(row[column]) for column in JUDGED.values()]


def tuning_study(folder: Path, trials: int) -> Any:
    """Return the Optuna study of a search for a detector."""
    import optuna

    where = folder / "study.db"
    fixed = ("scorer=knn,pca,mahalanobis,ridge_var", "--series", "machine-1-1", "machine-1-2", "machine-1-3")
    budget = ("--trials", trials, "--search-seed", 5)
    command("tune", "--objective", "detect", "--study", where, "--format", "synthetic", "--fix", *fixed, *budget)
    storage = f"sqlite:///{where}"
    return optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)


# Audit, comparison, files ---------------------------------------------------------------------------------------------

FOUND = {
    "behaviours": "kinds",
    "separations": "separations",
    "false_alarms": "false_alarms",
    "agreement": "agreement",
    "probes": "probes",
    "hold": "held",
    "termination": "termination",
    "margins": "reward_margins",
    "shape": "distribution",
    "features": "features",
    "history": "history",
    "smoothing": "smoothing",
}
"""Neutral name of a part of the audit's findings -> what it is called now."""


def circle_models() -> dict[str, RewardModel]:
    """Return unfitted models of a world of two dimensions."""
    return {
        "likeness": RewardModel(KNN(4, KNNOptions(steps="window", bank_size=500)), Likeness()),
        "likeness-smoothed": RewardModel(
            KNN(4, KNNOptions(bank_size=500)), MODES["likeness-negative"](0.6), frame_skip=2
        ),
        "penalty": RewardModel(Mahalanobis(4), Penalty()),
    }


def fit_on(model: RewardModel, episodes: Sequence[Episode]) -> None:
    """Fit a model on normal episodes."""
    model.fit([episode.obs for episode in episodes], rewards=np.ones(1))


def audited(model: RewardModel, **behaviours: Any) -> Iterator[tuple[str, Any]]:
    """Yield every part of an audit as numbers, then the codes of its warnings and its verdict."""
    found = audit_reward(model, **behaviours)
    for name, attribute in FOUND.items():
        yield name, flat(getattr(found.findings, attribute))
    yield "epic", flat(found.findings.agreement.epic if found.findings.agreement else None)
    yield "codes", " ".join(warning.code for warning in found.warnings)
    yield "verdict", found.verdict.word


def compared(first: RewardModel, second: RewardModel, episodes: Sequence[Episode]) -> list[float]:
    """Return everything that a comparison of two models says, as numbers."""
    found = compare(first, second, episodes)
    return flat([getattr(found, name) for name in ("scores", "rewards", "returns", "flags", "differences")])


def flat(value: Any) -> list[float]:
    """Return the numbers in nested values in order: None is NaN, text is left out."""
    if is_dataclass(value):
        return flat([getattr(value, part.name) for part in fields(value)])
    if isinstance(value, Mapping):
        return flat(list(value.values()))
    if isinstance(value, list | tuple):
        return [number for part in value for number in flat(part)]
    if isinstance(value, str):
        return []
    return [float("nan") if value is None else float(value)]


def relabel_file(model: RewardModel, data: Path, out: Path, ignore: tuple[str, ...]) -> list[float]:
    """Write a CSV or Parquet file with the rewards of a model and return the sums that are told."""
    return _sums(relabelling.relabel_file(model, data, out, DataColumns(ignore=ignore)))


def relabel_dataset(model: RewardModel, source: str, target: str) -> list[float]:
    """Write a Minari dataset with the rewards of a model and return the sums that are told."""
    return _sums(relabelling.relabel_minari(model, source, target))


def _sums(done: relabelling.Relabelled) -> list[float]:
    return flat((done.episodes, done.steps, done.flagged, done.reward, done.original_reward))


# Public checkers ------------------------------------------------------------------------------------------------------


def checks(env: Any, episodes: Sequence[Episode]) -> Iterator[tuple[str, Any]]:
    """Yield the promises that a checker tries as (name, 1 kept, 0 broken, -1 not applicable), of one thing each."""
    model = small_model(smoothing=0.3, frame_skip=2)
    reports = {
        "model": lambda: check_model(model, episodes),
        "scorer-closed_form": lambda: check_scorer(Mahalanobis),
        "scorer-network": lambda: check_scorer(DeepSVDD),
        "encoder": lambda: check_encoder(lambda: ConvEncoder((16, 18, 3), ConvOptions(channels=(8, 8), dim=12))),
        "environment": lambda: check_reward_env(wrap_env(env, model), model),
    }
    for name, report in reports.items():
        yield (
            name,
            [
                (check.name, -1 if check.detail.startswith("Not applicable") else int(check.passed))
                for check in report().checks
            ],
        )
