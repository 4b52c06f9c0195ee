"""`tsreward score`: one score, tail probability and flag per transition or row."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsreward.checkpoint import load
from tsreward.cli.output import print_json
from tsreward.cli.parsing import parse
from tsreward.cli.paths import check_output
from tsreward.cli.remarks import remark
from tsreward.cli.shapes import check_shape
from tsreward.data.series import read_series
from tsreward.errors import OptionError
from tsreward.evaluation.scores import Scores, score_episodes
from tsreward.files import write_atomic


@dataclass(frozen=True)
class Options:
    """Score data: columns episode, step, score (higher is stranger), tail (its probability among normal scores), flag
    (1 where the score passes the threshold) and, where the data has costs or labels, label.

    Step t of a recorded episode is the transition to observation t + 1; step t of a table is its row t.
    """

    model: Path
    """File of tsreward fit."""
    data: Path
    """File of tsreward collect, CSV file with a header, or NPY or NPZ array [T, D]."""
    out: str = "-"
    """File of the scores, .csv or .npz; - is CSV on stdout."""
    label: str | None = None
    """Column of a CSV file that is no observation but says which rows are anomalous (above 0)."""
    ignore: tuple[str, ...] = ()
    """Columns of a CSV file that are left out."""
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
    episodes = read_series([options.data], options.label, options.ignore)
    check_shape(model, options.model, episodes, options.data)
    scores = score_episodes(model, episodes)
    columns = {name: values for name, values in vars(scores).items() if values is not None}
    if path is None:
        sys.stdout.write(_csv(columns))
        sys.stdout.flush()
        return 0
    write_atomic(path, _npz(columns) if path.suffix.lower() == ".npz" else _csv(columns).encode())
    summary = _summary(scores, path)
    if options.json:
        print_json(summary)
    else:
        remark("{steps} scores of {episodes} episodes, {flagged} flagged, written to {file}".format(**summary))
    return 0


def _summary(scores: Scores, path: Path) -> dict[str, object]:
    return {
        "file": str(path),
        "episodes": int(scores.episode[-1]) + 1,
        "steps": len(scores.score),
        "flagged": int(scores.flag.sum()),
        "mean_score": float(scores.score.mean(dtype=np.float64)),
        "max_score": float(scores.score.max()),
    }


def _csv(columns: dict[str, np.ndarray]) -> str:
    # str of a float32 is the shortest text that reads back as the same number.
    rows = zip(*(map(str, values) for values in columns.values()), strict=True)
    return "\n".join([",".join(columns), *map(",".join, rows)]) + "\n"


def _npz(columns: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **columns)
    return buffer.getvalue()
