"""`tsreward relabel`: recorded episodes with the rewards of a model."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from tsreward.cli.datasets import digest
from tsreward.cli.output import check_output, check_shape, print_json, remark
from tsreward.cli.parsing import parse
from tsreward.cli.relabel_tables import StepColumns, relabel_table
from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import episodes_from
from tsreward.data.minari import Relabelled, is_minari, minari_folder, minari_source, relabel_minari
from tsreward.errors import DataError, OptionError
from tsreward.files import write_atomic
from tsreward.io import describe, load
from tsreward.pipeline.model import RewardModel
from tsreward.pipeline.relabel import relabel


@dataclass(frozen=True)
class Options:
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
    json: bool = False
    """Print a summary as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "relabel", arguments))


def run(options: Options) -> int:
    """Relabel, write the file, print a summary."""
    kind = _kind(options)
    _check_paths(options)
    model = load(options.model)
    note = _metadata(options)
    if kind == "minari":
        done, paid = relabel_minari(model, minari_source(options.data), minari_source(options.out), note), True
    elif kind == "npz":
        done, paid = _relabel_npz(options, model, note)
    else:
        done, paid = relabel_table(model, options.data, options.out, options.columns, note)
    if kind == "csv":
        write_atomic(Path(f"{options.out}.json"), (json.dumps(note, sort_keys=True, indent=2) + "\n").encode())
    summary = {
        "file": str(options.out),
        "episodes": done.episodes,
        "steps": done.steps,
        "flagged": done.flagged,
        "mean_reward": done.reward / done.steps,
        "mean_original_reward": done.original_reward / done.steps if paid else None,
    }
    if options.json:
        print_json(summary)
    else:
        remark("{steps} rewards of {episodes} episodes, {flagged} flagged, written to {file}".format(**summary))
    return 0


def _relabel_npz(options: Options, model: RewardModel, note: dict[str, Any]) -> tuple[Relabelled, bool]:
    """Write the file; return the sums, and whether there were rewards before."""
    arrays = read_arrays(options.data)
    arrays.pop("metadata", None)
    if "original_rewards" in arrays:
        arrays["rewards"] = arrays.pop("original_rewards")
    episodes = episodes_from(arrays, options.data)
    check_shape(model, options.model, episodes, options.data)
    paid = arrays.get("rewards")
    if not model.mode.replaces and paid is None:
        raise OptionError(
            f"{options.data} has no rewards, and the mode of {options.model} lowers those of the environment: record "
            f"them, or fit a model with --mode likeness."
        )
    done, rewards = Relabelled(len(episodes)), []
    for episode in episodes:
        (earned,) = relabel(model, [episode])
        rewards.append(earned.reward.numpy())
        done.flagged += int(earned.is_anomaly.sum())
    arrays["rewards"] = np.concatenate(rewards)
    done.steps, done.reward = len(arrays["rewards"]), float(arrays["rewards"].sum())
    if paid is not None:
        arrays["original_rewards"], done.original_reward = paid, float(paid.sum())
    arrays["metadata"] = np.frombuffer(json.dumps(note, sort_keys=True).encode("ascii"), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(options.out, buffer.getvalue())
    return done, paid is not None


def _kind(options: Options) -> str:
    """Return what the data are: npz, csv, parquet or minari.

    Raises:
        OptionError: another kind, or not the same one for what is written.
    """
    kinds = [_kind_of(path) for path in (options.data, options.out)]
    if None in kinds or kinds[0] != kinds[1] or options.out.suffix.lower() == ".gz":
        raise OptionError(
            f"relabel reads and writes files that end with .npz, .csv or .parquet, or minari:ID, both of one kind, got "
            f"{options.data} and {options.out}."
        )
    if kinds[0] in ("npz", "minari") and options.columns != StepColumns():
        raise OptionError(f"{options.data} has no columns: --episode, --reward and --ignore are about tables.")
    return str(kinds[0])


def _kind_of(path: Path) -> str | None:
    if is_minari(path):
        return "minari"
    name = path.name.lower()
    endings = {".npz": "npz", ".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
    return next((kind for ending, kind in endings.items() if name.endswith(ending)), None)


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
