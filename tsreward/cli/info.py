"""`tsreward info`: what a model file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.output import conclude, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.io import describe

_MODEL = ("encoder", "scorer", "mode", "calibration", "frame_skip", "chunk", "frames")
_PARTS = (*_MODEL, "detector", "n_features_in", "held_out")


@dataclass(frozen=True)
class Options(Arguments):
    """Show the parts of a model or a detector, their options and the versions that wrote it.

    All digests are checked first.
    """

    model: tyro.conf.Positional[Path]
    """File of tsreward fit, tsreward.save or tsreward.save_detector."""
    json: bool = False
    """Print everything as one JSON document, tensors included."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "info", arguments))


def run(options: Options) -> int:
    """Print the description."""
    content = describe(options.model)
    if options.json:
        print_json(content)
        return 0
    rows: list[tuple[str, object]] = []
    if content["columns"]:
        rows += [("columns", json.dumps([name for name, _ in content["columns"]])[1:-1])]
    for name in (*_PARTS, "note", "versions"):
        rows += _rows(name, content[name]) if name in content else []
    rows += [("tensors", len(content["tensors"])), ("bytes", f"{content['bytes']:,}"), ("sha256", content["sha256"])]
    print_table(str(options.model), ["what", "value"], rows)
    conclude(_verdict(content), ["tsreward", "check", options.model])
    return 0


def _verdict(content: Mapping[str, Any]) -> str:
    named = {
        part: json.dumps(content[part]["name"])[1:-1] for part in ("scorer", "mode", "detector") if part in content
    }
    if "mode" not in named:
        return f"A detector: {named.get('detector', 'of several parts')}."
    return f"A reward of the kind {named['mode']} on scores of {named['scorer']}."


def _rows(name: str, value: Any) -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        return [row for key, part in value.items() for row in _rows(f"{name}.{key}".replace(".options.", "."), part)]
    # JSON is ASCII, so that no control character of a file reaches the terminal.
    return [(json.dumps(name)[1:-1], value if isinstance(value, str) and value.isprintable() else json.dumps(value))]
