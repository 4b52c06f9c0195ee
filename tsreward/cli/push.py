"""`tsreward push`: put a model into a repository of the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.output import conclude, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.errors import DataError
from tsreward.io.hub import push_to_hub


@dataclass(frozen=True)
class Options(Arguments):
    """Put a model and its card into a repository, which is made where there is none.

    The card tells what is known: data, scorer, window, rates, audit, exploits, limits and license. A token is taken
    from HF_TOKEN, or from what `hf auth login` has stored.
    """

    model: tyro.conf.Positional[Path]
    """File of tsreward fit."""
    repo: tyro.conf.Positional[str]
    """OWNER/NAME."""
    license: str | None = None
    """Identifier such as mit; the card says unknown where there is none."""
    audit: Path | None = None
    """Document of tsreward audit --json, which the card then tells."""
    exploits: tuple[str, ...] = ()
    """Behaviour that the reward pays for by mistake, in sentences."""
    revision: str | None = None
    """A branch; none is the main one."""
    private: bool = False
    """Make the repository private, where it is made."""
    json: bool = False
    """Print where it went as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "push", arguments))


def run(options: Options) -> int:
    """Upload, and say where to."""
    commit = push_to_hub(
        options.model,
        options.repo,
        revision=options.revision,
        license=options.license,
        audit=None if options.audit is None else _audit(options.audit),
        exploits=options.exploits,
        private=options.private,
    )
    if options.json:
        print_json({"repo": options.repo, "commit": commit})
    else:
        told = f"{options.model} is in {options.repo}, commit {commit}."
        conclude(told, ["tsreward", "pull", options.repo, "--revision", commit, "--out", "pulled.safetensors"])
    return 0


def _audit(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no document of an audit: write one with tsreward audit --json.") from error
    if not isinstance(found, dict) or "verdict" not in found:
        raise DataError(f"{path} has no verdict: write it with tsreward audit --json.")
    return found
