"""What a run of expert likeness leaves behind."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tsreward.files import write_atomic
from tsreward.io import save
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.likeness import ExpertLikenessResult
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.recipes.run_folder import as_json, installed_versions
from tsreward.report.page import write_page
from tsreward.report.run import plot_curves, render_run, summarise_training
from tsreward.sb3.algorithms import AgentOptions
from tsreward.sb3.saving import save_agent


def summarise(options: ExpertLikenessOptions, agent: AgentOptions, result: ExpertLikenessResult) -> dict[str, Any]:
    """Return the content of `results.json`; every return is the environment's."""
    record, returns = result.agent.record, result.returns
    training = summarise_training(record.finished, record.all_episodes()).as_json()
    return {
        "env": options.env,
        "algorithm": agent.algorithm,
        "seed": agent.seed,
        "steps": agent.steps,
        "scorer": options.scorer,
        "learning": options.learning,
        "shape": options.shape,
        "negatives": list(options.negatives),
        "bonus": options.bonus,
        "expert": {"file": None if options.expert is None else str(options.expert), "return": result.expert_return},
        "random": {"return": result.random_return},
        "agent": {
            "return": float(returns.mean()),
            "lowest": float(returns.min()),
            "highest": float(returns.max()),
            "share_of_expert": result.share,
            "normalised_share": result.normalised_share,
        },
        "training": {name: training[name] for name in ("return", "length")},
        "versions": installed_versions(),
    }


def write_run(
    folder: Path,
    options: ExpertLikenessOptions,
    agent: AgentOptions,
    active: ActiveLearnerOptions,
    result: ExpertLikenessResult,
) -> dict[str, Any]:
    """Write config.json, model.safetensors, agent.zip, normaliser.npz, curves.png, report.html and results.json.

    Returns the results.

    Raises:
        DataError: a file cannot be written.
    """
    results = summarise(options, agent, result)
    config = {**asdict(options), "agent": asdict(agent), "active": asdict(active)}
    write_atomic(folder / "config.json", as_json(config))
    save(result.model, folder / "model.safetensors", note={"env": options.env, "seed": agent.seed})
    save_agent(result.agent, folder)
    title = f"{options.env}, {options.scorer} {options.learning}, seed {agent.seed}"
    runs = {"agent": result.agent.record.finished}
    plot_curves(runs, folder / "curves.png", title)
    facts = {
        "environment": options.env,
        "steps": f"{agent.steps:,}",
        "scorer": f"{options.scorer}, {options.learning}",
        "return of the expert": "unknown" if result.expert_return is None else f"{result.expert_return:.1f}",
        "return of random actions": f"{result.random_return:.1f}",
    }
    write_page(folder / "report.html", render_run(title, facts, {"agent": results["agent"]}, runs, result.model))
    write_atomic(folder / "results.json", as_json(results))
    return results
