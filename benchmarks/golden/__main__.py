"""Record golden numbers, or compare with them."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

import numpy as np
import torch
import tyro

from benchmarks.golden import evaluation, rewards
from benchmarks.golden.evaluation_adapters import installed_versions
from benchmarks.golden.numbers import CASES, entry, same, shown
from benchmarks.records import RESULTS, commit, device

assert rewards and evaluation  # they fill CASES


@dataclass(frozen=True)
class Options:
    """What to do."""

    record: bool = False
    """Write the results down as golden, in place of those of the same names; without it they are compared."""
    only: str = ""
    """Only names that begin so."""
    file: Path = RESULTS / "golden.json"


def main(options: Options) -> int:
    """Run, and record or compare; 1 where anything differs."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    golden = json.loads(options.file.read_text()) if options.file.exists() else {"numbers": {}}
    wanted = {name: entry for name, entry in golden["numbers"].items() if name.startswith(options.only)}
    start = time.perf_counter()
    found, broken = run(options.only)
    print(f"{len(found)} numbers in {time.perf_counter() - start:.0f} s")
    for case, reason in broken.items():
        print(f"broken: {case}: {reason}")
    if options.record and broken:
        print("not recorded: a case that ended early would take its numbers along")
        return 1
    if options.record:
        write(options.file, {**(golden["numbers"] if options.only else {}), **found})
        return 0
    here = {"device": device(), "versions": installed_versions()}
    other = {name: golden.get(name) for name in here if golden.get(name) != here[name]}
    if other:
        print(f"warning: recorded elsewhere, bits may differ: {other}, here {here}")
    differing = [name for name in sorted({*found, *wanted}) if not same(wanted.get(name), found.get(name))]
    for name in differing:
        print(f"differs: {name}\n  golden {shown(wanted.get(name))}\n  now    {shown(found.get(name))}")
    print(f"{len(differing)} of {len(wanted)} golden numbers differ")
    return 1 if differing or broken else 0


def run(only: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the entries whose names begin so, and why cases ended early."""
    found: dict[str, Any] = {}
    broken = {}
    for prefix, case in CASES.items():
        if not (prefix.startswith(only) or only.startswith(prefix)):
            continue
        start = time.perf_counter()
        np.random.seed(0)  # noqa: NPY002 - whatever still draws from it draws the same
        torch.manual_seed(0)
        try:
            for rest, value in case():
                if f"{prefix}/{rest}".startswith(only):
                    found[f"{prefix}/{rest}"] = entry(value)
        except Exception as error:
            broken[prefix] = f"{type(error).__name__}: {error}"
        print(f"{prefix}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return found, broken


def write(path: Path, numbers: dict[str, Any]) -> None:
    """Write the golden numbers, one in a line."""
    head = {"commit": commit(), "device": device(), "versions": installed_versions()}
    lines = [f"  {json.dumps(name)}: {json.dumps(numbers[name])}" for name in sorted(numbers)]
    top = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items())
    path.write_text("{\n" + top + ',\n "numbers": {\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
