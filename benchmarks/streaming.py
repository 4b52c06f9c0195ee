"""What a long log takes: peak memory and rows per second of `tsreward score` and `tsreward fit --by-file`.

    python -m benchmarks.streaming --parts fit

The log has 38 sensors and a time column. `score` reads a short and a long CSV file; the model is Mahalanobis distance
over windows of 4 rows, fitted on the short file. `fit --by-file` reads few and many Parquet files, of which all are the
same file under several names. Commands run in processes of their own, whose peak resident memory the system reports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import tyro

from benchmarks.records import RESULTS, commit, device
from tsreward.files import write_atomic
from tsreward.recipes.run_folder import installed_versions

COLUMNS = 38
SHORT_MB = 3
FITTED = ("mahalanobis", "deep_svdd")
_BLOCK = 10_000
_COMMAND = [sys.executable, "-c", "import sys; from tsreward.cli.main import main; sys.exit(main())"]


@dataclass(frozen=True)
class Options:
    """How long a log to score."""

    megabytes: int = 2000
    """Size of the long file; it is written to the temporary folder, and deleted."""
    files: tuple[int, ...] = (2, 20)
    """Parquet files to fit on."""
    rows: int = 500_000
    """Rows of each."""
    parts: tuple[Literal["score", "fit"], ...] = ("score", "fit")
    seed: int = 0
    out: Path = RESULTS / "streaming.json"


def write_log(path: Path, megabytes: float, seed: int) -> int:
    """Write a log of about that size, and return its rows: correlated noise, the same 10,000 rows over and over."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(_BLOCK, COLUMNS)) @ rng.normal(size=(COLUMNS, COLUMNS)) / 6
    rows = [",".join(f"{value:.6f}" for value in row) for row in values]
    count = 0
    with path.open("w") as file:
        file.write(",".join(["time", *(f"sensor{number}" for number in range(COLUMNS))]) + "\n")
        while file.tell() < megabytes * 1e6:
            file.write("".join(f"{1_600_000_000 + count + index},{row}\n" for index, row in enumerate(rows)))
            count += _BLOCK
    return count


@dataclass(frozen=True)
class Taken:
    """What a command took."""

    seconds: float
    """By the clock."""
    processor_seconds: float
    peak_mb: float
    """Peak of its resident memory."""


def run(*arguments: object) -> Taken:
    """Run the command, and return what it took."""
    began = time.perf_counter()
    process = subprocess.Popen([*_COMMAND, *map(str, arguments)], env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"tsreward ended with {process.returncode}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Taken(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, peak)


def measure(folder: Path, megabytes: float, seed: int) -> dict[str, Any]:
    """Write a log into the folder, score it, delete it; the model is fitted where there is none yet."""
    log, model, scores = folder / "log.csv", folder / "model.safetensors", folder / "scores.csv"
    rows = write_log(log, megabytes, seed)
    size = log.stat().st_size
    if not model.exists():
        run(
            *("fit", "--data", log, "--time", "time", "--out", model, "--window", 4),
            *("--scorer", "mahalanobis", "--reward", "likeness", "--json"),
        )
    taken = run("score", log, "--model", model, "--time", "time", "--out", scores)
    with scores.open("rb") as file:
        assert sum(1 for _ in file) == rows + 1
    log.unlink()
    scores.unlink()
    return {
        "file_mb": round(size / 1e6, 1),
        "rows": rows,
        "seconds": round(taken.seconds, 1),
        "rows_per_second": round(rows / taken.seconds),
        "mb_per_second": round(size / 1e6 / taken.seconds, 1),
        "peak_memory_mb": round(taken.peak_mb),
    }


def measure_fit(folder: Path, rows: int, files: int, scorer: str, seed: int) -> dict[str, Any]:
    """Write a Parquet file into the folder, unless it is there, and fit on several names of it."""
    first = folder / "0.parquet"
    if not first.exists():
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(rows, COLUMNS)) @ rng.normal(size=(COLUMNS, COLUMNS)) / 6
        frame = pd.DataFrame(values.astype(np.float32), columns=[f"sensor{number}" for number in range(COLUMNS)])
        frame.to_parquet(first)
    paths = [folder / f"{number}.parquet" for number in range(files)]
    for path in paths:
        if not path.exists():
            os.link(first, path)
    taken = run(
        *("fit", "--data", *paths, "--by-file", "--out", folder / "model.safetensors", "--window", 4),
        *("--scorer", scorer, "--reward", "likeness", "--json"),
    )
    return {
        "scorer": scorer,
        "files": files,
        "rows": rows * files,
        "data_mb": round(rows * files * COLUMNS * 4 / 1e6),
        "processor_seconds": round(taken.processor_seconds, 1),
        "rows_per_second": round(rows * files / taken.processor_seconds),
        "peak_memory_mb": round(taken.peak_mb),
        "commit": commit(),
        "device": device(),
    }


def main(options: Options) -> None:
    content = json.loads(options.out.read_text()) if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "score" in options.parts:
            content |= {
                "columns": COLUMNS,
                "scorer": "mahalanobis",
                "window": 4,
                "seed": options.seed,
                "commit": commit(),
                "device": device(),
                "versions": installed_versions() | {"pandas": version("pandas")},
                "records": [measure(folder, size, options.seed) for size in (SHORT_MB, options.megabytes)],
            }
        if "fit" in options.parts:
            content["fitting"] = [
                measure_fit(folder, options.rows, files, scorer, options.seed)
                for scorer in FITTED
                for files in options.files
            ]
    write_atomic(options.out, (json.dumps(content, indent=1) + "\n").encode())
    for record in [*content.get("records", []), *content.get("fitting", [])]:
        print(record)


if __name__ == "__main__":
    main(tyro.cli(Options))
