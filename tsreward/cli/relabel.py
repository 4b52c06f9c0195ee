"""`tsreward relabel`: recorded episodes with the rewards of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import check_output, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.minari import is_minari, minari_folder, minari_source
from tsreward.data.relabelling import StepColumns, relabel_file, relabelled_kind
from tsreward.data.sources import digest
from tsreward.errors import DataError, OptionError
from tsreward.io import describe, load


@dataclass(frozen=True)
class Options(Arguments):
    """Put the learned rewards into recorded episodes, for offline reinforcement learning.

    What is written reads like what was given; the environment's rewards are kept beside the learned ones: as the array
    original_rewards (.npz), the column original_reward (tables) or in infos["original_reward"] (Minari). Data that was
    relabelled before is relabelled from those. The metadata say which model and which data it was made of: the array
    metadata, the bytes of a JSON text (.npz), the metadata tsreward (Parquet, Minari), or FILE.json (CSV).

    A table has one row per step: the observation that was arrived at, and what that paid. Tables and Minari datasets of
    any length are relabelled in bounded memory (Minari: that of its longest episode); a file .npz is read whole.
    """

    data: tyro.conf.Positional[Path]
    """File of tsreward collect, .npz; table of steps, .csv, .csv.gz or .parquet; or minari:ID, minari:./FOLDER."""
    model: Path
    """File of tsreward fit."""
    out: Path
    """What is written, of the same kind as the data, and neither them nor the model; for minari:ID, a new ID."""
    columns: tyro.conf.OmitArgPrefixes[StepColumns] = field(default_factory=StepColumns)
    multiplier: float | None = None
    """Weight of a lagrangian penalty, which no agent's training moves here."""
    json: bool = False
    """Print a summary as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "relabel", arguments))


def run(options: Options) -> int:
    """Relabel, write the file, print a summary."""
    relabelled_kind(options.data, options.out, options.columns)
    _check_paths(options)
    model = load(options.model)
    done = relabel_file(model, options.data, options.out, options.columns, _metadata(options), options.multiplier)
    paid = done.original_reward
    summary = {
        "file": str(options.out),
        "episodes": done.episodes,
        "steps": done.steps,
        "flagged": done.flagged,
        "mean_reward": done.reward / done.steps,
        "mean_original_reward": None if paid is None else paid / done.steps,
    }
    if options.json:
        print_json(summary)
    else:
        remark("{steps} rewards of {episodes} episodes, {flagged} flagged, written to {file}".format(**summary))
    return 0


def _check_paths(options: Options) -> None:
    if is_minari(options.out):
        folder = minari_folder(minari_source(options.out))
        if folder.exists():
            raise DataError(f"{options.out} exists already, and Minari would append to it: choose a new id.")
        return
    for name in ("data", "model"):
        path: Path = getattr(options, name)
        if options.out.exists() and path.exists() and options.out.samefile(path):
            raise OptionError(f"--out {options.out} is the {name} itself, which is not overwritten: name another file.")
    check_output(options.out)


def _metadata(options: Options) -> dict[str, Any]:
    """Return what the rewards were made of."""
    model = describe(options.model)
    return {
        "model": {"file": options.model.name, "sha256": digest(options.model)}
        | {name: model[name] for name in ("encoder", "scorer", "mode", "frame_skip", "chunk", "versions")},
        "data": {
            "file": str(options.data) if is_minari(options.data) else options.data.name,
            "sha256": digest(options.data),
        },
    }
