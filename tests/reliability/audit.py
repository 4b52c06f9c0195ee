"""Load hostile files in a process that watches itself: `python -m tests.reliability.audit PATHS.json` prints a report.

The report is one line of JSON: how many files were refused, what Python's audit hook saw that loading has no business
with, and by how many megabytes the process grew at its largest.
"""

import json
import os
import re
import resource
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from tsreward.checkpoint import load
from tsreward.encoders.table import ENCODERS
from tsreward.errors import CheckpointError
from tsreward.rewards.table import MODES
from tsreward.scorers.table import SCORERS

REFUSED_EVENTS = ("os.", "subprocess.", "socket.", "shutil.", "pickle.", "ctypes.", "marshal.", "tempfile.")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def annotations() -> set[str]:
    """Return the annotations of all options, which `typing.get_type_hints` compiles: the only code that may run."""
    tables: Iterable[dict[str, Any]] = (ENCODERS, MODES, SCORERS)
    return {str(field.type) for table in tables for part in table.values() for field in fields(part.Options)}


def main(listed: str) -> None:
    """Load every file and print the report."""
    paths = json.loads(Path(listed).read_text())
    allowed, events = annotations(), []
    words = set(re.findall(r"\w+", " ".join(allowed)))

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "compile":
            source = args[0].decode() if isinstance(args[0], bytes) else args[0]
            if source not in allowed:
                events.append([event, repr(source)])
        elif event == "exec":
            code: CodeType = args[0]
            if code.co_filename != "<string>" or not words.issuperset(code.co_names):
                events.append([event, code.co_filename])
        elif event == "open":
            if isinstance(args[2], int) and args[2] & WRITING:
                events.append([event, repr(args)])
        elif event == "import" or event.startswith(REFUSED_EVENTS):
            events.append([event, repr(args)[:200]])

    with torch.device("meta"):  # torch imports what it needs for this when it is first used
        refused = 0
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    sys.addaudithook(watch)
    for path in paths.values():
        try:
            load(path)
        except CheckpointError:
            refused += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(json.dumps({"refused": refused, "events": events, "grown_mb": round(grown / 2**20, 1)}))


if __name__ == "__main__":
    main(sys.argv[1])
