"""`tsreward relabel`: recorded episodes with the rewards of a model."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from tsreward.checkpoint import describe, load
from tsreward.cli.output import print_json
from tsreward.cli.parsing import parse
from tsreward.cli.paths import check_output
from tsreward.cli.remarks import remark
from tsreward.cli.shapes import check_shape
from tsreward.data.arrays import read_arrays
from tsreward.data.episodes import episodes_from
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.relabelling import relabel


@dataclass(frozen=True)
class Options:
    """Put the learned rewards into a file of recorded episodes, for offline reinforcement learning.

    The file that is written reads like the one that was given: the environment's rewards are in its array
    original_rewards, and metadata holds, as the bytes of a JSON text, which model and which data it was made of. Data
    that was relabelled before is relabelled from its original_rewards.
    """

    data: tyro.conf.Positional[Path]
    """File of tsreward collect, .npz."""
    model: Path
    """File of tsreward fit."""
    out: Path
    """File that is written, .npz; not that of the data or of the model."""
    json: bool = False
    """Print a summary as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "relabel", arguments))


def run(options: Options) -> int:
    """Relabel, write the file, print a summary."""
    _check_paths(options)
    model = load(options.model)
    arrays = read_arrays(options.data)
    arrays.pop("metadata", None)
    if "original_rewards" in arrays:
        arrays["rewards"] = arrays.pop("original_rewards")
    episodes = episodes_from(arrays, options.data)
    check_shape(model, options.model, episodes, options.data)
    if not model.mode.replaces and "rewards" not in arrays:
        raise OptionError(
            f"{options.data} has no rewards, and the mode of {options.model} lowers those of the environment: record "
            f"them, or fit a model with --mode likeness."
        )
    earned = relabel(model, episodes)
    if "rewards" in arrays:
        arrays["original_rewards"] = arrays["rewards"]
    arrays["rewards"] = np.concatenate([part.reward.numpy() for part in earned])
    metadata = json.dumps(_metadata(options), sort_keys=True)
    arrays["metadata"] = np.frombuffer(metadata.encode("ascii"), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(options.out, buffer.getvalue())
    summary = {
        "file": str(options.out),
        "episodes": len(episodes),
        "steps": len(arrays["rewards"]),
        "flagged": sum(int(part.flagged.sum()) for part in earned),
        "mean_reward": float(arrays["rewards"].mean()),
        "mean_original_reward": float(arrays["original_rewards"].mean()) if "original_rewards" in arrays else None,
    }
    if options.json:
        print_json(summary)
    else:
        remark("{steps} rewards of {episodes} episodes, {flagged} flagged, written to {file}".format(**summary))
    return 0


def _check_paths(options: Options) -> None:
    if options.out.suffix.lower() != ".npz" or options.data.suffix.lower() != ".npz":
        raise OptionError(f"relabel reads and writes files that end with .npz, got {options.data} and {options.out}.")
    for name in ("data", "model"):
        path: Path = getattr(options, name)
        if options.out.exists() and path.exists() and options.out.samefile(path):
            raise OptionError(f"--out {options.out} is the {name} itself, which is not overwritten: name another file.")
    check_output(options.out)


def _metadata(options: Options) -> dict[str, Any]:
    """Return what the rewards were made of."""
    model = describe(options.model)
    return {
        "model": {"file": options.model.name, "sha256": _digest(options.model)}
        | {name: model[name] for name in ("encoder", "scorer", "mode", "skip", "chunk", "versions")},
        "data": {"file": options.data.name, "sha256": _digest(options.data)},
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
