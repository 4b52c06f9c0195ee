"""`tsreward evaluate`: how well scores agree with costs or labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import conclude, fitting, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import DataColumns
from tsreward.data.scored_files import common_time, join_on_time, labels_in_time, read_columns, read_labels
from tsreward.data.sources import read_episodes
from tsreward.detection.metrics.ranking import label_agreement
from tsreward.errors import DataError, OptionError
from tsreward.io import load
from tsreward.options import option
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.scores import score_episodes, watch_scores

_OF_SCORES = {
    "label",
    "label_map",
    "label_means",
    "label_intervals",
    "interval_columns",
    "time",
    "time_format",
    "time_zone",
}


@dataclass(frozen=True)
class Options(Arguments):
    """Compare scores with the truth: of a model on data with costs or labels, or scores that are in a file already.

    Only the flag rates depend on a threshold, and need a model.
    """

    model: Path | None = None
    """File of tsreward fit; needs --data."""
    data: Path | None = None
    """File of tsreward collect with costs, or a table (CSV, Parquet) with --label or --label-intervals."""
    scores: Path | None = None
    """Table or NPZ file with a column "score", in place of --model and --data; its labels are in the column "label"
    where --label names no other."""
    labels: Path | None = None
    """Table or NPZ file with the labels that belong to --scores, joined on the time stamps where both have a column of
    them, else by position; None takes them from the file of the scores."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    min_roc: float | None = option(None, high=1)
    """Exit with 1 where the area under the ROC is below this."""
    json: bool = False
    """Print the result as one JSON document."""

    def check(self) -> None:
        if (self.scores is None) == (self.model is None and self.data is None) or (self.model is None) != (
            self.data is None
        ):
            raise OptionError("evaluate takes either --model and --data, or --scores with --labels or --label.")
        if self.labels is not None and self.scores is None:
            raise OptionError("--labels belongs to --scores: name the label column of --data with --label.")
        if self.scores is not None and self.columns.changed().keys() - _OF_SCORES:
            raise OptionError(
                "--scores takes no other columns than --label and --time: --ignore and the others belong to --data."
            )
        if self.scores is not None and self.labels is None and self.columns.label_intervals is None:
            given = [f"--{name.replace('_', '-')}" for name in self.columns.changed() if name.startswith("time")]
            if given:
                raise OptionError(
                    f"{given[0]} joins --scores with --labels or --label-intervals on time: name one of them, or leave "
                    f"{given[0]} out, as one file's own labels need no joining."
                )


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "evaluate", arguments))


def run(options: Options) -> int:
    """Measure, print, and compare with what was asked for."""
    labels, scores, flags = _from_model(options) if options.scores is None else _from_file(options, options.scores)
    try:
        result: dict[str, float | None] = asdict(label_agreement(labels, scores))
    except DataError as error:
        raise DataError(f"{options.labels or options.scores or options.data}: {error}") from error
    anomalous = labels > 0
    result["flag_rate_anomalous"] = None if flags is None else float(flags[anomalous].mean())
    result["flag_rate_normal"] = None if flags is None else float(flags[~anomalous].mean())
    if options.json:
        print_json(result)
    else:
        print_table(f"{options.scores or options.data}", ["what", "value"], result.items())
        conclude(_verdict(result["roc"]), _next(options))
    roc = result["roc"]
    if options.min_roc is not None and roc is not None and roc < options.min_roc:
        remark(f"check failed: the ROC of {roc:.4f} is below --min-roc {options.min_roc}")
        return 1
    return 0


def _verdict(roc: float | None) -> str:
    if roc is None:
        return "There are steps of one kind only: nothing is told apart."
    judged = "good" if roc >= 0.9 else "better than chance" if roc > 0.55 else "no better than chance"
    return f"A ROC AUC of {roc:.2f} is {judged}: so often an anomalous step scores above a normal one."


def _next(options: Options) -> list[object]:
    if options.model is None:
        return ["tsreward", "bench", "detect", "--format", "csv", "--data", "FOLDER", "--out", "runs/bench"]
    return ["tsreward", "audit", "--model", options.model, "--good", "FILE", "--bad", "FILE", "--out", "audit.html"]


def _from_model(options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    assert options.model is not None and options.data is not None
    model = load(options.model)
    episodes = read_episodes([options.data], options.columns, remark)
    episodes = fitting(model, options.model, episodes, options.data)
    scores = score_episodes(model, episodes)
    if scores.label is None:
        raise DataError(
            f"{options.data} has neither costs nor labels: collect from an environment that gives info['cost'], or "
            f"name the label column of a table with --label."
        )
    if 0 < scores.label.sum() < len(scores.label):  # else there is nothing to measure, which is said first
        watch_scores(Monitor(model, str(options.data)), model, episodes, scores)
    return scores.label, scores.score, scores.is_anomaly


def _from_file(options: Options, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    columns = options.columns
    label, labels = columns.label or "label", options.labels
    if columns.label_intervals is not None and columns.time is not None:
        return labels_in_time(path, columns.time, columns), read_columns(path, ("score",))["score"], None
    time = None if labels is None else columns.time or common_time(path, labels)
    if labels is not None and time is not None:
        scores, joined = join_on_time(path, labels, time, label, columns)
        remark(f"{len(scores)} scores of {path} and labels of {labels} are joined on '{time}'.")
        return joined, scores, None
    scores, given = read_columns(path, ("score",))["score"], read_labels(labels or path, label, columns)
    if len(scores) != len(given):
        raise DataError(
            f"{path} has {len(scores)} scores, but {labels} {len(given)} labels: give one label per score, or both "
            f"files a column of time stamps (--time)."
        )
    return given, scores, None
