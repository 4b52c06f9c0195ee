"""What a run leaves behind: config, model or agent, curves and results in one folder."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tsreward.files import write_atomic
from tsreward.io import save
from tsreward.recipes.anoseqs import AnoSeqsOptions, AnoSeqsResult
from tsreward.report.page import write_page
from tsreward.report.run import plot_curves, render_run, summarise_training

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
    write_page(folder / "report.html", render_run(title, facts, figures, runs, result.model))
    write_atomic(folder / "results.json", as_json(results))
    return results


def as_json(content: dict[str, Any]) -> bytes:
    """Return readable JSON with a final newline."""
    return (json.dumps(content, indent=2, default=str, allow_nan=False) + "\n").encode()
