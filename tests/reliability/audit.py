"""Load model files in a process that watches itself: `python -m tests.reliability.audit PATHS.json` prints a report.

The report is one line of JSON: how many files were loaded and refused, what Python's audit hook saw that loading has no
business with, and by how many megabytes the process grew at its largest.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from types import CodeType
from typing import Any

import torch

from tsreward.encoders.base import ENCODERS
from tsreward.errors import CheckpointError
from tsreward.io import load
from tsreward.rewards.base import MODES
from tsreward.scorers.base import SCORERS

ROOT = Path(__file__).parents[2]
REFUSED_EVENTS = ("os.", "subprocess.", "socket.", "shutil.", "pickle.", "ctypes.", "marshal.", "tempfile.")
READING = ("os.listdir", "os.scandir")  # the version of the package is looked up, to tell it from the file's
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def audited(paths: Iterable[Path], folder: Path) -> dict[str, Any]:
    """Load the files in a fresh process, with its list of them in `folder`; return its report."""
    listed = folder / "paths.json"
    listed.write_text(json.dumps([str(path) for path in paths]))
    command = [sys.executable, "-m", "tests.reliability.audit", str(listed)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def annotations() -> set[str]:
    """Return the annotations of all options, which `typing.get_type_hints` compiles: the only code that may run."""
    tables: Iterable[dict[str, Any]] = (ENCODERS, MODES, SCORERS)
    return {str(field.type) for table in tables for part in table.values() for field in fields(part.Options)}


def memory(line: str) -> int:
    """Return the kB in a line of the process's status; getrusage's peak would be the parent's where that is larger."""
    found = re.search(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def is_suspicious(event: str, args: tuple[Any, ...], allowed: set[str]) -> bool:
    """Tell whether loading a model has no business with an event of Python's audit hook."""
    if event == "compile":
        return (args[0].decode() if isinstance(args[0], bytes) else args[0]) not in allowed
    if event == "exec":
        code: CodeType = args[0]
        words = set(re.findall(r"\w+", " ".join(allowed)))
        return code.co_filename != "<string>" or not words.issuperset(code.co_names)
    if event == "open":
        return isinstance(args[2], int) and bool(args[2] & WRITING)
    return event == "import" or (event.startswith(REFUSED_EVENTS) and event not in READING)


def main(listed: str) -> None:
    """Load every file and print the report."""
    paths = json.loads(Path(listed).read_text())
    allowed, events = annotations(), []

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if is_suspicious(event, args, allowed):
            events.append([event, repr(args)[:200]])

    with torch.device("meta"):  # torch imports what it needs for this when it is first used
        loaded, refused = 0, 0
    before = memory("VmRSS")
    sys.addaudithook(watch)
    for path in paths:
        try:
            load(path)
            loaded += 1
        except CheckpointError:
            refused += 1
    grown = memory("VmHWM") - before
    report = {"loaded": loaded, "refused": refused, "events": events, "grown_mb": round(grown / 2**10, 1)}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
