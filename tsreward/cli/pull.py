"""`tsreward pull`: fetch a model from the zoo, or from a repository of the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from tsreward.cli.output import check_output, conclude, print_json
from tsreward.cli.parsing import Arguments, parse
from tsreward.files import write_atomic
from tsreward.io import describe, load
from tsreward.io.hub import fetch


@dataclass(frozen=True)
class Options(Arguments):
    """Fetch a model and check it: its digests, and that it can be loaded.

    A token is taken from HF_TOKEN, or from what `hf auth login` has stored.
    """

    source: tyro.conf.Positional[str]
    """OWNER/NAME on the hub, or zoo:NAME."""
    out: Path
    """The file that is written."""
    revision: str | None = None
    """A branch, a tag or a commit; a commit never changes."""
    json: bool = False
    """Print what the file holds as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "pull", arguments))


def run(options: Options) -> int:
    """Download, check, write."""
    check_output(options.out)
    path = fetch(options.source, options.revision)
    load(path)
    write_atomic(options.out, path.read_bytes())
    content = describe(options.out)
    if options.json:
        print_json({"file": str(options.out), "source": options.source, "sha256": content["sha256"]})
    else:
        kind = f"A reward of the kind {content['mode']['name']} on scores of {content['scorer']['name']}"
        conclude(f"{kind} is in {options.out}.", ["tsreward", "info", options.out])
    return 0
