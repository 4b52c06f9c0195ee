"""Result files of benchmarks: JSON lists of records, one per finished run, written atomically under a lock."""

from __future__ import annotations

import fcntl
import json
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions

RESULTS = Path(__file__).parent / "results"


class Records:
    """The records of one result file; a record is identified by the fields in `key`."""

    def __init__(self, path: Path, key: tuple[str, ...]) -> None:
        self.path, self.key = path, key

    def read(self) -> list[dict[str, Any]]:
        """Return all records, or none where there is no file yet."""
        return json.loads(self.path.read_text())["records"] if self.path.exists() else []

    def has(self, **identity: Any) -> bool:
        """Tell whether a record with this identity is there."""
        return any(all(record[name] == identity[name] for name in self.key) for record in self.read())

    def add(self, record: dict[str, Any]) -> None:
        """Add a record, in the place of an earlier one of the same identity."""
        with self._locked():
            measured = record | {"commit": commit(), "device": device()}
            same = [measured[name] for name in self.key]
            kept = [old for old in self.read() if [old[name] for name in self.key] != same]
            records = sorted([*kept, measured], key=lambda row: [str(row[name]) for name in self.key])
            content = {"versions": installed_versions(), "records": records}
            write_atomic(self.path, (json.dumps(content, indent=1) + "\n").encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def commit() -> str:
    """Return the commit that is measured, with a + where the tree has changes, other than in the results."""
    head = _git("rev-parse", "--short", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)benchmarks/results")
    return f"{head}{'+' * bool(changes)}" if head else "unknown"


def _git(*words: str) -> str:
    run = subprocess.run(["git", *words], cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def device() -> str:
    """Return the processor's name and that one thread was used."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(':')[2].strip() if names else platform.processor()}, one thread"
