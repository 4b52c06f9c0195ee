"""`tsreward export`: the score of a model as a graph for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from tsreward.cli.output import check_output, conclude, prefer_one_thread, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.io import load
from tsreward.serving.export import export_model


@dataclass(frozen=True)
class Options(Arguments):
    """Write the raw score of a model as a graph that other programs run, with encoding and standardising in it.

    It takes windows [B, K, *obs] float64, oldest step first, and gives scores [B] float32. It is written where its
    scores agree with the model's to 1e-5 of their standard deviation.
    """

    model: tyro.conf.Positional[Path]
    """File of tsreward fit or tsreward.save."""
    out: Path
    """File of the graph: .onnx for ONNX, .pt2 for torch.export."""
    json: bool = False
    """Print what was written as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "export", arguments))


def run(options: Options) -> int:
    """Load, export, compare."""
    prefer_one_thread()
    check_output(options.out)
    model = load(options.model)
    away = export_model(model, options.out)
    shape = ["B", model.window, *model.obs_shape]
    if options.json:
        names = None if model.columns is None else list(model.columns.names)
        print_json({"file": str(options.out), "windows": shape, "columns": names, "difference": away})
        return 0
    conclude(
        f"The score of {type(model.scorer).__name__} takes windows [{', '.join(map(str, shape))}]; it is {away:.0e} "
        f"standard deviations from the model's at most. Written to {options.out}."
    )
    return 0
