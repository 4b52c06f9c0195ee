"""`tsreward demo`: the whole method once, with a table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.output import Stages, conclude, prefer_one_thread, print_json, print_table, run_path
from tsreward.cli.parsing import Arguments, parse
from tsreward.options import option
from tsreward.recipes.anoseqs import AnoSeqsOptions, describe_run, run_facts, run_title
from tsreward.recipes.anoseqs import run as run_recipe
from tsreward.recipes.fitting import warn_of_weak_scorer
from tsreward.recipes.live_run import open_run
from tsreward.recipes.run_folder import write_run
from tsreward.report.page import check_reporting
from tsreward.sb3.reward_watch import WatchOptions

QUICK_STEPS = 12_000


@dataclass(frozen=True)
class Options(Arguments):
    """Run AnoSeqs once: a source agent meets the danger, a scorer learns its safe windows, and two fresh agents are
    trained without and with the learned penalty.

    The folder of the run is there from the first second, and stays however the run ends. It holds config.json,
    status.json (running, finished, stopped or failed), episodes.csv (a row per episode, written while agents train),
    report.html (written anew every minute), and at the end model.safetensors, curves.png and results.json, in vanilla
    and penalised both agents, and in agent.mp4 what they do.
    """

    recipe: tyro.conf.OmitArgPrefixes[AnoSeqsOptions] = field(default_factory=AnoSeqsOptions)
    out: Path | None = None
    """Folder of the run, new or empty; None is runs/demo-<env>-seed<seed>-<time>."""
    quick: bool = False
    """A dry run of 12,000 steps per agent at most: half a minute, and no proof of anything."""
    cost_limit: float | None = option(None, above=0)
    """Cost per episode that is acceptable: the page draws it, and the verdict says whether it is kept."""
    watch: WatchOptions = field(default_factory=WatchOptions)
    film: bool = True
    """Film both agents side by side at the end."""
    json: bool = False
    """Print the results as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "demo", arguments))


def run(options: Options) -> int:
    """Run the method, write the folder, print the results."""
    recipe = options.recipe
    if options.quick:
        recipe = replace(recipe, steps=min(recipe.steps, QUICK_STEPS))
    prefer_one_thread()
    check_reporting()
    path = options.out or run_path("demo", recipe.target, recipe.seed)
    with open_run(path, run_title(recipe), asdict(recipe), run_facts(recipe)) as live:
        live.alarms = options.watch.codes
        with Stages() as stages:
            result = run_recipe(recipe, live.stage(stages), live.log, options.watch)
        warn_of_weak_scorer(result.roc)
        told = describe_run(recipe, result)
        results = write_run(
            path, replace(told, film=options.film, cost_limit=options.cost_limit, alarms=options.watch.codes)
        )
    if options.json:
        print_json({"folder": str(path), **results})
    else:
        _show(results, path, options.quick)
    return 0


def _show(results: dict[str, Any], folder: Path, quick: bool) -> None:
    scorer = results["scorer"]
    print(f"Scorer {scorer['name']}: ROC {scorer['roc']:.3f} against true cost, on episodes it has not seen.")
    names = {
        "return": "return",
        "cost": "cost",
        "cost_rate": "cost rate, all",
        "final_cost_rate": "cost rate, end",
        "length": "length",
    }
    print_table(
        f"{results['env']}, {results['steps']:,} steps, seed {results['seed']}: episodes of the last quarter",
        ["agent", *names.values()],
        [[agent, *(results[agent][name] for name in names)] for agent in ("vanilla", "penalised")],
    )
    print(results["verdict"])
    if quick:
        print("A dry run: all works, and agents this young prove nothing. For the result leave out --quick.")
    watched = ["tsreward", "watch", folder / "vanilla", "--compare", folder / "penalised"]
    conclude(f"Written to {folder}.", watched)
