"""What a run leaves behind: config, model or agent, curves and results in one folder."""

from __future__ import annotations

import contextlib
import json
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.io import save
from tsreward.recipes.anoseqs import AnoSeqsOptions, AnoSeqsResult
from tsreward.report.frame import check_reporting
from tsreward.report.run import plot_curves, summarise_training, write_run_page

_PACKAGES = (
    "tsreward",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyod",
    "gymnasium",
    "mujoco",
    "stable-baselines3",
    "safety-gymnasium",
)
_FILES = (
    "config.json",
    "model.safetensors",
    "agent.zip",
    "normaliser.npz",
    "curves.png",
    "report.html",
    "results.json",
)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Create an empty folder for a run, before its work begins; where the work fails, it is empty or gone again.

    Raises:
        DataError: it exists and holds something, or cannot be created or written to.
        MissingExtraError: matplotlib or jinja2, which make the report of a run, is not installed.
    """
    check_reporting()
    created = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} exists and is not an empty folder: name another one with --out.")
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise DataError(f"Cannot write into {path}: {error.strerror}. Name another folder with --out.") from error
    try:
        yield path
    except BaseException:
        for name in _FILES:
            (path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else is in there by now
            for folder in created:
                folder.rmdir()
        raise


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
    """Write config.json, model.safetensors, curves.png, report.html and results.json; return the results."""
    results = summarise(options, result)
    write_atomic(folder / "config.json", as_json(asdict(options)))
    save(result.model, folder / "model.safetensors", note={"env": options.env, "seed": options.seed})
    runs = {"vanilla": result.vanilla.record.finished, "penalised": result.penalised.record.finished}
    title = f"{results['env']}, {options.scorer}, seed {options.seed}"
    plot_curves(runs, folder / "curves.png", title)
    facts = {
        "environment": results["env"],
        "source environment": options.env,
        "steps per agent": f"{options.steps:,}",
        "scorer": options.scorer,
        "ROC of the score against cost": f"{result.roc:.3f}",
        "average precision": f"{result.precision:.3f}",
    }
    figures = {name: results[name] for name in runs}
    write_run_page(folder / "report.html", title, facts, figures, runs, result.model)
    write_atomic(folder / "results.json", as_json(results))
    return results


def as_json(content: dict[str, Any]) -> bytes:
    """Return readable JSON with a final newline."""
    return (json.dumps(content, indent=2, default=str, allow_nan=False) + "\n").encode()
