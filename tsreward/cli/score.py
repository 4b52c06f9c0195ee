"""`tsreward score`: one score, p-value and flag per transition or row."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, check_output, conclude, fitting, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.cli.units import alone, over_folder, takes_each
from tsreward.data.columns import DataColumns
from tsreward.data.logs import Log, row_data
from tsreward.data.rows import tell_reading
from tsreward.data.sources import digest, is_streamed, read_data
from tsreward.data.tables import Columns, csv_writer
from tsreward.detection.detectors.files import load_detector
from tsreward.detection.incident_stream import IncidentStream
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import DataError, OptionError, ShapeError
from tsreward.files import open_atomic
from tsreward.functional.tensors import as_tensor
from tsreward.io import load
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.monitor import Monitor
from tsreward.pipeline.scores import Scores, ScoreStream, reaches_first, score_episodes
from tsreward.rewards.calibration import Calibration
from tsreward.sequences.columns import ordered
from tsreward.sequences.frame_rows import FrameRows
from tsreward.sequences.series import Series


class Summary:
    """Counts of all that was written."""

    def __init__(self) -> None:
        self._episodes = self._steps = self._flagged = 0
        self._sum, self._max = 0.0, -np.inf

    def add(self, columns: Columns) -> None:
        """Count the next rows."""
        score = np.asarray(columns["score"])
        self._episodes = int(columns["episode"][-1]) + 1
        self._steps += len(score)
        self._flagged += int(np.sum(columns["is_anomaly"]))
        self._sum += float(score.sum(dtype=np.float64))
        self._max = max(self._max, float(score.max()))

    def as_json(self) -> dict[str, Any]:
        """Return the counts, and the mean and the highest score."""
        return {
            "episodes": self._episodes,
            "steps": self._steps,
            "flagged": self._flagged,
            "mean_score": self._sum / self._steps,
            "max_score": self._max,
        }


def columns_of(
    scores: Scores, labels: np.ndarray | None = None, time: str | None = None, stamps: list[str] | None = None
) -> Columns:
    """Return the columns of a file of scores; those of a log with the labels and the stamps that are in it.

    Raises:
        DataError: the time column has the name of one of the others.
    """
    columns: Columns = {}
    for name in ("episode", "step", "score", "p_value", "is_anomaly", "label"):
        if (values := getattr(scores, name)) is not None:
            columns[name] = values
    if labels is not None:
        columns["label"] = labels.astype(np.int8)
    if scores.missing is not None:
        columns["missing"] = scores.missing
    if scores.missing_first is not None:
        columns["missing_first"] = scores.missing_first
    if time is None or stamps is None:
        return columns
    if time in columns:
        raise DataError(f"The time column is named '{time}' as a column of scores is: rename it.")
    return {time: stamps, **columns}


@contextmanager
def written_to(path: Path | None) -> Iterator[Callable[[Columns], object]]:
    """Give a function that writes columns as CSV to a file or, without one, to stdout; to .npz when all have come."""
    if path is None:
        stdout = sys.stdout  # as it is now: while a bar is shown, it stands for stderr
        yield csv_writer(stdout.write)
        stdout.flush()
        return
    with open_atomic(path) as file:
        if path.suffix.lower() != ".npz":
            yield csv_writer(lambda text: file.write(text.encode()))
            return
        chunks: list[Columns] = []
        yield chunks.append
        columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        np.savez_compressed(file, allow_pickle=False, **columns)


@dataclass(frozen=True)
class Options(Arguments):
    """Score data: columns episode, step, score (higher is stranger), p_value (of the score among normal ones),
    is_anomaly (1 where the score passes the threshold) and, where the data has costs or labels, label; and, where the
    first observations of episodes were not recorded, missing_first (1 where the window would hold one); and, where
    --missing fills values in, missing (1 where one of the row was filled in). With --time,
    that column stands first, as it is in the data.

    Step t of a recorded episode is the transition to observation t + 1; step t of a table is its row t. A table of any
    length is scored in bounded memory. A file of scores is there when all is scored, and not before; on stdout,
    rows come as they are scored.
    """

    data: tyro.conf.Positional[Path]
    """File of tsreward collect, table (.csv, .csv.gz, .parquet), NPY or NPZ array [T, D], or minari:ID; or a folder of
    files, each of which is scored into a .csv of its own in the folder --out, named by what it depends on."""
    model: Path | None = None
    """File of tsreward fit."""
    detector_file: Path | None = None
    """File of a detector, in place of --model: of tsreward fit LOG or tsreward detect."""
    out: str = "-"
    """File of the scores, .csv or .npz (which holds them in memory first); - is CSV on stdout."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    place: tyro.conf.OmitArgPrefixes[PlaceOptions] = field(default_factory=PlaceOptions)
    json: bool = False
    """Print a summary as one JSON document; needs --out."""

    def check(self) -> None:
        if (self.model is None) == (self.detector_file is None):
            raise OptionError("Scores come from one file: take either --model or --detector-file.")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "score", arguments))


def run(options: Options) -> int:
    """Score, and write what came out."""
    if takes_each(options.data, options.out):
        return _score_folder(options)
    alone(options.place)
    summary = _score(options)
    if summary is None:
        return 0
    path, document = options.out, {"file": options.out, **summary.as_json()}
    if options.json:
        print_json(document)
    else:
        steps, flagged = document["steps"], document["flagged"]
        fraction = f" ({100 * flagged / steps:.3g} %)" if steps else ""
        conclude(
            f"{flagged:,} of {steps:,} steps{fraction} of {document['episodes']:,} episodes are flagged. "
            f"Written to {path}.",
            ["tsreward", "evaluate", "--scores", path, "--labels", "FILE"],
        )
    return 0


def _score_folder(options: Options) -> int:
    """Score every file of a folder."""
    if options.out == "-":
        raise OptionError(f"{options.data} is a folder: name a folder for the scores with --out.")
    file = options.model or options.detector_file
    assert file is not None  # `check` has seen to it
    depends = {"command": "score", "model": digest(file), "columns": repr(asdict(options.columns))}

    def task(path: Path) -> Callable[[Path], object]:
        return partial(_score_file, replace(options, data=path, place=PlaceOptions()))

    return over_folder(options.data, Path(options.out), ".csv", depends, task, options.place, options.json)


def _score_file(options: Options, out: Path) -> None:
    _score(replace(options, out=str(out)))


def _score(options: Options) -> Summary | None:
    """Score one file, and return what was counted; None where the scores went to stdout."""
    path = None if options.out == "-" else Path(options.out)
    if path is None and options.json:
        raise OptionError("--json and --out - would both write to stdout: name a file with --out.")
    if path is not None:
        if path.suffix.lower() not in (".csv", ".npz"):
            raise OptionError(f"--out takes a file that ends with .csv or .npz, or -, got {path}.")
        check_output(path)
    model = None if options.model is None else load(options.model)
    summary = Summary()
    with written_to(path) as write, Stages() as stages:
        if model is None:
            rows = _detected(options, stages)
        else:
            rows = _stream(options, model, stages) if is_streamed(options.data) else _at_once(options, model)
        for columns in rows:
            write(columns)
            summary.add(columns)
    return None if path is None else summary


def _detected(options: Options, stages: Stages) -> Iterator[Columns]:
    """Yield the scores of a detector, in bounded memory."""
    assert options.detector_file is not None  # or there is a model
    detector = load_detector(options.detector_file)
    stream = IncidentStream(detector)
    calibration = Calibration(len(detector.held_out_scores_) + 1).fit(as_tensor(detector.held_out_scores_))
    with Log(options.data, options.columns) as log:
        report = stages("bytes")
        for chunk in log.chunks():
            values = chunk.values
            if chunk.missing is not None and detector.expected_ is not None:
                values = detector.expected_.fill(values)
            index = None if chunk.stamps is None else chunk.stamps.as_array()
            starts = chunk.starts | chunk.breaks
            part = stream.push(Series(values, None, options.data.stem, chunk.columns.names, index, starts))
            found: Columns = {
                "episode": np.zeros(len(values), dtype=np.int64),
                "step": chunk.rows,
                "score": part.scores,
                "p_value": calibration.p_value(as_tensor(part.scores)).numpy(),
                "is_anomaly": (part.scores > part.high).astype(np.int8),
            }
            if chunk.labels is not None:
                found["label"] = chunk.labels.astype(np.int8)
            if chunk.missing is not None:
                found["missing"] = chunk.missing.astype(np.int8)
            time = options.columns.time
            yield found if time is None or chunk.time is None else {time: chunk.time, **found}
            report(*log.progress)


def _at_once(options: Options, model: RewardModel) -> Iterator[Columns]:
    assert options.model is not None  # it is loaded
    decided, reading = read_data(options.data, options.columns)
    tell_reading(options.data, decided, reading, remark)
    episodes = fitting(model, options.model, reading.episodes, options.data)
    scores = score_episodes(model, episodes, Monitor(model, str(options.data)))
    yield columns_of(scores, None, options.columns.time, reading.stamps)


def _stream(options: Options, model: RewardModel, stages: Stages) -> Iterator[Columns]:
    with Log(options.data, options.columns) as log:
        if log.roles.layout == "transition" or options.columns.skip_bad_episodes:
            yield from _at_once(options, model)
            return
        found = log.found
        if model.columns is not None:
            model.columns.places(found, str(options.model), str(options.data))  # before a cell is looked at
        elif (len(log.sensors),) != model.obs_shape:
            raise ShapeError(
                f"{options.model} reads observations {list(model.obs_shape)}, but {options.data} holds "
                f"[{len(log.sensors)}]: score data of the kind that the model was fitted on, and leave out other "
                f"columns with --ignore, --label or --time."
            )
        report, episode, stream, first, has_first = None, -1, ScoreStream(model), 0, False
        monitor = Monitor(model, str(options.data))
        for chunk in log.chunks():
            rows = row_data(log.roles, chunk, options.columns, options.data)
            values = ordered(chunk.values, found, model.columns, str(options.model), str(options.data))
            if chunk.missing is not None and model.expected is not None:
                values = model.expected.fill(values)
            names = found if model.columns is None else model.columns
            borders = [*dict.fromkeys([0, *map(int, np.flatnonzero(chunk.starts))]), len(chunk.values)]
            for start, stop in pairwise(borders):
                if chunk.starts[start]:
                    episode, stream = episode + 1, ScoreStream(model)
                    first = int(chunk.rows[start]) if log.roles.has_episodes else 0
                    if has_first := rows.is_reset(start):  # which is not scored
                        stream.begin(values[start])
                        start, first = start + 1, first + int(log.roles.has_episodes)
                if start == stop:
                    continue
                part = slice(start, stop)
                missing = None if chunk.missing is None else chunk.missing[part]
                rows_of = FrameRows(values[part], names, None, chunk.rows[part] - first, chunk.breaks[part], missing)
                scores = stream.score_rows(rows_of)
                marks = reaches_first(model, scores.step) * np.int8(not has_first) if log.roles.steps else None
                scores = replace(scores, episode=np.full_like(scores.step, episode), missing_first=marks)
                labels = None if rows.costs is None else rows.costs[part] > 0
                normal = None if labels is None else ~labels
                monitor.see_scores(as_tensor(values[part]), scores.score, scores.is_anomaly, normal)
                stamps = None if chunk.time is None else chunk.time[part]
                yield columns_of(scores, labels, options.columns.time, stamps)
            if report is None:  # not before there is a score: an error in the first rows stands alone
                report = stages("bytes")
                if log.roles.described:
                    remark(f"{options.data}: {'; '.join(log.roles.described)}.")
            report(*log.progress)
        monitor.finish()
        if notes := log.notes():
            remark(f"{options.data}: {'; '.join(notes)}.")
