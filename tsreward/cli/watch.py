"""`tsreward watch`: a film of a saved agent, with what the learned reward says."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import check_output, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.io import load
from tsreward.options import option
from tsreward.pipeline.model import RewardModel
from tsreward.report.film import FilmOptions, check_kind, film
from tsreward.sb3.saved_agent import load_agent
from tsreward.sb3.watching import watch
from tsreward.sequences.costs import CostOptions
from tsreward.wrappers.obs_parts import named_obs_key


@dataclass(frozen=True)
class Options(Arguments):
    """Play a saved agent, without random actions, and write a film.

    Flagged steps are tinted red, and a strip below shows true and learned reward, cost, score and p-value.
    """

    run: tyro.conf.Positional[Path]
    """Folder of a run of tsreward train, or RUN/vanilla or RUN/penalised of tsreward demo."""
    compare: Path | None = None
    """Folder of another run, shown to the right of it on the same seeds."""
    out: Path | None = None
    """Film to write, .mp4 or .gif; None is agent.mp4 in the folder of the run."""
    episodes: int = 1
    """Episodes, one after the other; each has a seed of its own."""
    seed: int = option(0, low=0, high=2**31 - 1)
    """Seed of the first episode."""
    env: str | None = None
    """Id of the environment, where that is one of your own, as my_module:Maze-v0: nothing is imported because a file
    names it."""
    model: Path | None = None
    """Reward model that is asked; None is the run's own."""
    obs_key: tuple[str, ...] = ()
    """What the model looks at of a Dict or a Tuple; without any, what it looked at in training."""
    longest: int = 1_000
    """Decisions after which an episode is cut."""
    width: int = option(384, low=64, high=4096)
    """Pixels from left to right of one agent's picture."""
    rate: float | None = option(None, above=0, high=240)
    """Pictures per second; None is the environment's own time."""
    show: bool = False
    """Open the film in a window, with the desktop's own player."""
    costs: tyro.conf.OmitArgPrefixes[CostOptions] = field(default_factory=CostOptions)
    json: bool = False
    """Print the results as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "watch", arguments))


def run(options: Options) -> int:
    """Play, write the film, print the returns."""
    prefer_one_thread()
    out = options.run / "agent.mp4" if options.out is None else options.out
    check_kind(out.suffix.lower())
    check_output(out)
    if options.show:
        _check_display()
    folders = [options.run] if options.compare is None else [options.run, options.compare]
    agents = [load_agent(folder, options.env) for folder in folders]
    models = [run_model(folder) if options.model is None else load(options.model) for folder in folders]
    key, seeds = named_obs_key(options.obs_key), range(options.seed, options.seed + options.episodes)
    played = [
        [watch(agent, model, seed, options.costs, options.longest, key) for seed in seeds]
        for agent, model in zip(agents, models, strict=True)
    ]
    names = names_of(folders)
    settings = FilmOptions(options.width, options.rate)
    write_atomic(out, film(dict(zip(names, played, strict=True)), out.suffix.lower(), settings))
    rows = [
        {"agent": name, "seed": seed, **one.figures()}
        for name, episodes in zip(names, played, strict=True)
        for seed, one in zip(seeds, episodes, strict=True)
    ]
    if options.show and not webbrowser.open(out.resolve().as_uri()):
        remark(f"nothing opened {out}: this desktop has no player for it")
    if options.json:
        print_json({"film": str(out), "episodes": rows})
    else:
        header = list(rows[0])
        named = [name.replace("_", " ") for name in header]
        print_table("Episodes without random actions", named, [[row[name] for name in header] for row in rows])
        means = {name: [row for row in rows if row["agent"] == name] for name in names}
        told = ", ".join(f"{name} {_mean(found)}" for name, found in means.items())
        again = ["tsreward", "watch", options.run, "--compare", options.compare or "RUN", "--out", "both.mp4"]
        conclude(f"Mean true return over {options.episodes} episode(s): {told}. Written to {out}.", again)
    return 0


def _mean(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the mean true return of episodes, and their mean cost where they have one."""
    returned = sum(row["true_return"] for row in rows) / len(rows)
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return f"{returned:,.1f}" + (f" at a cost of {sum(costs) / len(costs):,.1f}" if costs else "")


def _check_display() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise OptionError("There is no display to show a film on: leave --show out, and copy the film that is written.")


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return a name for every run: the last parts of its path that tell it from the others."""
    whole = [folder.resolve().parts for folder in folders]
    depth = next((depth for depth in (1, 2, 3) if len({parts[-depth:] for parts in whole}) == len(whole)), 0)
    return ["/".join(parts[-depth:]) if depth else f"{index + 1}: {parts[-1]}" for index, parts in enumerate(whole)]


def run_model(run: Path) -> RewardModel | None:
    """Return the reward model of a run, or of the demo that it belongs to; None for one on the true reward."""
    for path in (run / "model.safetensors", run.parent / "model.safetensors"):
        if path.is_file():
            return load(path)
    return None
