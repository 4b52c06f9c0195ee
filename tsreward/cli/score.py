"""`tsreward score`: one score, tail probability and flag per transition or row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from tsreward.checkpoint import load
from tsreward.cli.datasets import read_episodes
from tsreward.cli.output import Stages, print_json
from tsreward.cli.parsing import parse
from tsreward.cli.paths import check_output
from tsreward.cli.remarks import remark
from tsreward.cli.score_columns import Columns, Summary, columns_of, written_to
from tsreward.cli.shapes import check_shape
from tsreward.data.csv_log import CsvLog, LogColumns
from tsreward.data.minari import is_minari
from tsreward.data.series import is_csv
from tsreward.errors import OptionError, ShapeError
from tsreward.evaluation.scores import score_episodes
from tsreward.evaluation.streaming import ScoreStream
from tsreward.model import RewardModel


@dataclass(frozen=True)
class Options:
    """Score data: columns episode, step, score (higher is stranger), tail (its probability among normal scores), flag
    (1 where the score passes the threshold) and, where the data has costs or labels, label. With --time, that column
    stands first, as it is in the data.

    Step t of a recorded episode is the transition to observation t + 1; step t of a table is its row t. A CSV file of
    any length is scored in bounded memory. A file of scores is there when all is scored, and not before; on stdout,
    rows come as they are scored.
    """

    data: tyro.conf.Positional[Path]
    """File of tsreward collect, CSV file with a header (.csv, or .csv.gz), NPY or NPZ array [T, D], or minari:ID."""
    model: Path
    """File of tsreward fit."""
    out: str = "-"
    """File of the scores, .csv or .npz (which holds them in memory first); - is CSV on stdout."""
    columns: tyro.conf.OmitArgPrefixes[LogColumns] = field(default_factory=LogColumns)
    json: bool = False
    """Print a summary as one JSON document; needs --out."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "score", arguments))


def run(options: Options) -> int:
    """Score, and write what came out."""
    path = None if options.out == "-" else Path(options.out)
    if path is None and options.json:
        raise OptionError("--json and --out - would both write to stdout: name a file with --out.")
    if path is not None:
        if path.suffix.lower() not in (".csv", ".npz"):
            raise OptionError(f"--out takes a file that ends with .csv or .npz, or -, got {path}.")
        check_output(path)
    model = load(options.model)
    summary = Summary()
    with written_to(path) as write, Stages() as stages:
        streamed = is_csv(options.data) and not is_minari(options.data)
        for columns in _stream(options, model, stages) if streamed else _at_once(options, model):
            write(columns)
            summary.add(columns)
    if path is None:
        return 0
    document = {"file": str(path), **summary.as_json()}
    if options.json:
        print_json(document)
    else:
        remark("{steps} scores of {episodes} episodes, {flagged} flagged, written to {file}".format(**document))
    return 0


def _at_once(options: Options, model: RewardModel) -> Iterator[Columns]:
    episodes = read_episodes([options.data], options.columns)
    check_shape(model, options.model, episodes, options.data)
    yield columns_of(score_episodes(model, episodes))


def _stream(options: Options, model: RewardModel, stages: Stages) -> Iterator[Columns]:
    with CsvLog(options.data, options.columns) as log:
        if (len(log.sensors),) != model.obs_shape:
            raise ShapeError(
                f"{options.model} reads observations {list(model.obs_shape)}, but {options.data} holds "
                f"[{len(log.sensors)}]: score data of the kind that the model was fitted on, and leave out other "
                f"columns with --ignore, --label or --time."
            )
        stream, report = ScoreStream(model), None
        for chunk in log.chunks():
            yield columns_of(stream.push(chunk.values), chunk.labels, options.columns.time, chunk.time)
            report = report or stages("bytes")  # not before there is a score: an error in the first rows stands alone
            report(*log.progress)
