"""What a run leaves behind: config, model, curves and results in one folder."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tsreward.checkpoint import save
from tsreward.errors import DataError
from tsreward.evaluation.costs import summarise_training
from tsreward.evaluation.curves import plot_curves
from tsreward.files import write_atomic
from tsreward.recipes.anoseqs import AnoSeqsOptions, AnoSeqsResult

_PACKAGES = ("tsreward", "torch", "numpy", "gymnasium", "mujoco", "stable-baselines3", "safety-gymnasium")


def new_folder(path: Path) -> Path:
    """Create an empty folder for a run.

    Raises:
        DataError: it exists and holds something, or cannot be created.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(f"{path} exists and is not an empty folder: name another one with --out.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot create the folder {path}: {error.strerror}. Name another one with --out.") from error
    return path


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def summarise(options: AnoSeqsOptions, result: AnoSeqsResult) -> dict[str, Any]:
    """Return the content of `results.json`."""
    agents = {"vanilla": result.vanilla.record, "penalised": result.penalised.record}
    return {
        "env": options.target_env or options.env,
        "source_env": options.env,
        "seed": options.seed,
        "steps": options.steps,
        "scorer": {"name": options.scorer, "roc": result.roc, "average_precision": result.precision},
        **{name: summarise_training(run.finished, run.all_episodes()).as_json() for name, run in agents.items()},
        "versions": installed_versions(),
    }


def write_run(folder: Path, options: AnoSeqsOptions, result: AnoSeqsResult) -> dict[str, Any]:
    """Write `config.json`, `model.safetensors`, `curves.png` and `results.json`; return the results."""
    results = summarise(options, result)
    write_atomic(folder / "config.json", as_json(asdict(options)))
    save(result.model, folder / "model.safetensors", note={"env": options.env, "seed": options.seed})
    runs = {"vanilla": result.vanilla.record.finished, "penalised": result.penalised.record.finished}
    plot_curves(runs, folder / "curves.png", f"{results['env']}, {options.scorer}, seed {options.seed}")
    write_atomic(folder / "results.json", as_json(results))
    return results


def as_json(content: dict[str, Any]) -> bytes:
    """Return readable JSON with a final newline."""
    return (json.dumps(content, indent=2, default=str) + "\n").encode()
