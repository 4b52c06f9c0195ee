"""`tsreward relabel`: recorded episodes with the rewards of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import check_output, conclude, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.cli.units import alone, over_folder, takes_each
from tsreward.data.columns import DataColumns
from tsreward.data.minari import is_minari, minari_folder, minari_source
from tsreward.data.relabelling import relabel_file, relabelled_kind
from tsreward.data.sources import digest
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import DataError, OptionError
from tsreward.io import describe, load


@dataclass(frozen=True)
class Options(Arguments):
    """Put the learned rewards into recorded episodes, for offline reinforcement learning.

    What is written reads like what was given; the environment's rewards are kept beside the learned ones: as the array
    original_rewards (.npz), the column original_reward (tables) or in infos["original_reward"] (Minari). Data that was
    relabelled before is relabelled from those. The metadata say which model and which data it was made of: the array
    metadata, the bytes of a JSON text (.npz), the metadata tsreward (Parquet, Minari), the attribute tsreward
    (HDF5), or FILE.json (CSV).

    A table has one row per step: the observation that was arrived at, and what that paid; or, with --layout transition,
    the one that the step began from. Minari datasets and tables of any length are relabelled in bounded memory (that of
    the longest episode); arrays are read whole.
    """

    data: tyro.conf.Positional[Path]
    """File of tsreward collect, .npz; arrays of rows, .npz or .hdf5 (D4RL, robomimic); table of steps, .csv, .csv.gz or
    .parquet; or minari:ID, minari:./FOLDER; or a folder of files, each of which is relabelled into a file of its own in
    the folder --out, named by what it depends on."""
    model: Path
    """File of tsreward fit."""
    out: Path
    """What is written, of the same kind as the data, and neither them nor the model; for minari:ID, a new ID."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    multiplier: float | None = None
    """Weight of a lagrangian penalty, which no agent's training moves here."""
    place: tyro.conf.OmitArgPrefixes[PlaceOptions] = field(default_factory=PlaceOptions)
    json: bool = False
    """Print a summary as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "relabel", arguments))


def run(options: Options) -> int:
    """Relabel, write the file, print a summary."""
    if takes_each(options.data, options.out):
        return _relabel_folder(options)
    alone(options.place)
    relabelled_kind(options.data, options.out)
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
    summary |= done.marks()
    if done.decided:
        remark(f"{options.data}: {'; '.join(done.decided)}.")
    if done.missing_first:
        remark(
            f"warning: {done.missing_first} rewards are of steps so near to the beginning of their episode that their "
            f"window would hold its first observation, which {options.data} does not have: those of a run may differ."
        )
    if done.missing_last:
        remark(
            f"warning: the last observations of {done.missing_last} episodes are not in {options.data}: their last "
            f"steps are rewarded for staying where they began."
        )
    if done.skipped:
        summary["skipped"] = {str(name): reason for name, reason in done.skipped.items()}
        remark(f"warning: left out {len(done.skipped)} episodes: {'; '.join(list(done.skipped.values())[:5])}")
    if options.json:
        print_json(summary)
    else:
        before = "" if paid is None else f" in place of {paid / done.steps:.3g}"
        earned = f"{done.reward / done.steps:.3g} on average{before}"
        conclude(
            f"{done.steps:,} steps of {done.episodes:,} episodes earn {earned}; {done.flagged:,} are flagged. "
            f"Written to {options.out}.",
            ["tsreward", "check", "--data", options.out],
        )
    return 0


def _relabel_folder(options: Options) -> int:
    """Relabel every file of a folder."""
    depends = {
        "command": "relabel",
        "model": digest(options.model),
        "columns": repr(asdict(options.columns)),
        "multiplier": options.multiplier,
    }

    def task(path: Path) -> Callable[[Path], object]:
        return partial(_relabel_file, replace(options, data=path, place=PlaceOptions()))

    return over_folder(options.data, options.out, None, depends, task, options.place, options.json)


def _relabel_file(options: Options, out: Path) -> None:
    relabelled_kind(options.data, out)
    model = load(options.model)
    relabel_file(model, options.data, out, options.columns, _metadata(options), options.multiplier)


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
