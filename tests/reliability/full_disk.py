"""Commands whose files may not grow beyond a limit, as on a disk that is full, in a child that is forked once."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sys
import traceback
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas

import tests.tiny  # noqa: F401
from tests.reliability.crashes import fork, one_thread
from tsreward.cli.main import main

COMMANDS: dict[str, tuple[str, str]] = {
    "collect": ("collect --env Tiny/Cost-v0 --agent random --steps 64 --out OUT/new.npz", "new.npz"),
    "fit": ("fit --data DATA --scorer mahalanobis --reward likeness --out OUT/new.safetensors", "new.safetensors"),
    "fit with its state": (
        "fit --data DATA --train.epochs 1 --train.windows-per-epoch 512 --train.state OUT/state "
        "--out OUT/new.safetensors",
        "new.safetensors",
    ),
    "score": ("score DATA --model MODEL --out OUT/new.csv", "new.csv"),
    "score, npz": ("score DATA --model MODEL --out OUT/new.npz", "new.npz"),
    "relabel": ("relabel DATA --model MODEL --out OUT/new.npz", "new.npz"),
    "relabel a table": ("relabel TABLE --model MODEL --out OUT/new.csv", "new.csv"),
    "compare": ("compare MODEL MODEL --data DATA --out OUT/new.html", "new.html"),
    "train": ("train --env Tiny/Cost-v0 --model MODEL --steps 64 --num-envs 2 --no-film --out OUT/run", "run"),
    "bench": ("bench detect --detectors pca --data LOG --format csv --out OUT/bench", "bench"),
    "tune": ("tune --objective detect --data LOG --format csv --trials 1 --study OUT/study.db", "study.db"),
}
"""What is run -> (arguments, what it writes)."""
SLOW = ("compare", "train", "bench", "tune")
"""They take seconds."""


def inputs(folder: Path) -> dict[str, str]:
    """Write what the commands read; return it by the word that stands for it."""
    folder.mkdir(parents=True, exist_ok=True)
    data, model, rng = folder / "data.npz", folder / "model.safetensors", np.random.default_rng(0)
    for command in (
        f"collect --env Tiny/Cost-v0 --agent random --steps 480 --out {data}",
        f"fit --data {data} --train.epochs 2 --train.windows-per-epoch 4000 --out {model}",
    ):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            assert main(command.split()) == 0
    width = np.load(data)["obs"].shape[1]
    table = pandas.DataFrame(rng.normal(size=(50, width)), columns=[f"x{index}" for index in range(width)])
    table.assign(episode=0, reward=1.0).to_csv(folder / "table.csv", index=False)
    log = pandas.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"]).assign(label=0)
    log.loc[500:520, ["a", "label"]] = (9.0, 1)
    log.to_csv(folder / "log.csv", index=False)
    return {
        "DATA": str(data),
        "MODEL": str(model),
        "TABLE": str(folder / "table.csv"),
        "LOG": str(folder / "log.csv"),
    }


def fill_command(name: str, files: dict[str, str], folder: Path, limits: int) -> Counter[str]:
    """Run a command under so many limits, from nothing to 99 % of its largest file; count what went wrong.

    "code": an exit code other than 2. "traceback": one was shown. "untold": no error of one line with the path that was
    asked for. "changed": the previous file was touched. "stale": a temporary file stayed.
    """
    report = folder / "report.json"

    def run() -> None:
        out = folder / "out"
        said = _run(name, files, out)
        assert said["code"] == 0, said
        largest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
        seen: Counter[str] = Counter()
        for index in range(limits):
            said = _run(name, files, out, index * (largest * 99 // 100) // max(1, limits - 1))
            seen.update(_faults(said))
            seen["tried"] += 1
            if _faults(said) and not (folder / "first.json").exists():
                (folder / "first.json").write_text(json.dumps(said))
        report.write_text(json.dumps(+seen))

    with one_thread():
        _, status = os.waitpid(fork(run), 0)
    if status or not report.exists():
        return Counter(died=1)
    return Counter(json.loads(report.read_text()))


def _run(name: str, files: dict[str, str], out: Path, limit: int | None = None) -> dict[str, Any]:
    """Run a command in a fresh folder, over a previous file where it writes one; return what became of it."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    command, target = COMMANDS[name]
    for word, value in {**files, "OUT": str(out)}.items():
        command = command.replace(word, value)
    path = out / target
    if previous := path.suffix not in ("", ".db"):
        path.write_bytes(b"previous")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    err = io.StringIO()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(err):
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard if limit is None else limit, hard))
            code = main(command.split())
    except BaseException:
        code = 99
        traceback.print_exc(file=err)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    sys.stdout.flush()
    return {
        "command": command,
        "limit": limit,
        "code": code,
        "said": err.getvalue(),
        "out": str(out),
        "changed": previous and path.read_bytes() != b"previous",
        "stale": [str(found) for found in out.rglob("*") if ".tsreward-tmp-" in found.name],
    }


def _faults(said: dict[str, Any]) -> list[str]:
    errors = [line for line in said["said"].splitlines() if line.startswith("tsreward: error: ")]
    wrong = {
        "code": said["code"] != 2,
        "traceback": "Traceback" in said["said"],
        "untold": len(errors) != 1 or f"{said['out']}/" not in errors[0],
        "changed": said["changed"],
        "stale": bool(said["stale"]),
    }
    return [name for name, is_so in wrong.items() if is_so]
