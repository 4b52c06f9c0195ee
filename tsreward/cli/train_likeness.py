"""`tsreward train --mode likeness`: an agent that is paid for being like an expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, prefer_one_thread, print_json, print_table, run_path
from tsreward.cli.parsing import Arguments, parse
from tsreward.files import new_folder
from tsreward.pipeline.active import ActiveLearnerOptions
from tsreward.recipes.likeness import DEFAULT_AGENT, describe_run
from tsreward.recipes.likeness import run as run_recipe
from tsreward.recipes.likeness_options import ExpertLikenessOptions
from tsreward.recipes.run_folder import write_run
from tsreward.report.page import check_reporting
from tsreward.sb3.algorithms import AgentOptions


@dataclass(frozen=True)
class Options(Arguments):
    """Learn a reward from an expert's observations and train an agent on it; its true return is recorded beside it.

    The folder of the run holds config.json, model.safetensors, agent.zip (Stable-Baselines3), normaliser.npz,
    curves.png, report.html and results.json.
    """

    recipe: tyro.conf.OmitArgPrefixes[ExpertLikenessOptions] = field(default_factory=ExpertLikenessOptions)
    agent: tyro.conf.OmitArgPrefixes[AgentOptions] = DEFAULT_AGENT
    active: ActiveLearnerOptions = field(default_factory=ActiveLearnerOptions)
    mode: Literal["model", "likeness"] = "likeness"
    """likeness: what this page describes. model: tsreward train --mode model --help."""
    out: Path | None = None
    """Folder of the run, new or empty; None is runs/train-<env>-seed<seed>-<time>."""
    config: Path | None = None
    """TOML file whose table [train] gives options, as best.toml of tsreward tune; those on the command line win."""
    json: bool = False
    """Print the results as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "train", arguments))


def run(options: Options) -> int:
    """Run the recipe, write the folder, print the results."""
    prefer_one_thread()
    env, agent = options.recipe.env, options.agent
    check_reporting()
    path = options.out or run_path("train", env, agent.seed)
    with new_folder(path) as folder:
        with Stages() as stages:
            result = run_recipe(options.recipe, agent, options.active, stages)
        results = write_run(folder, describe_run(options.recipe, agent, options.active, result))
    expert = results["expert"]["return"]
    if expert is not None and expert <= results["random"]["return"]:
        remark(
            f"warning: the expert's mean return of {expert:.1f} is no more than that of random actions, "
            f"{results['random']['return']:.1f}: shares of it say how like it the agent became, not how good."
        )
    if options.json:
        print_json({"folder": str(path), **results})
        return 0
    rows = [
        ("expert", results["expert"]["return"]),
        ("random actions", results["random"]["return"]),
        *results["agent"].items(),
    ]
    print_table(f"{env}, {agent.steps:,} steps, seed {agent.seed}: true returns", ["what", "value"], rows)
    print(f"Written to {path}")
    return 0
