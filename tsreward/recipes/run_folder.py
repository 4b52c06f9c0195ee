"""What a run leaves behind: config, model, agent, curves, page and results in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tsreward.data.alarms import DEFAULT, find_alarms
from tsreward.data.episode_rows import FILE, EpisodeRow, read_rows
from tsreward.files import write_atomic
from tsreward.io import save
from tsreward.io.versions import installed_versions
from tsreward.named_warnings import given_warnings
from tsreward.pipeline.model import RewardModel
from tsreward.report.film import MP4_RATE, FilmOptions, film
from tsreward.report.page import write_page
from tsreward.report.run import plot_curves, render_run
from tsreward.sb3.saved_agent import acting, save_agent
from tsreward.sb3.training import TrainedAgent
from tsreward.sb3.watching import Watched, watch
from tsreward.sequences.costs import CostOptions, Costs
from tsreward.sequences.episodes import Episode

FILM = "agent.mp4"
"""Name of the film in the folder of a run."""
_FILMED = 500
"""Decisions of a filmed episode at most."""
_PICTURES = 250


@dataclass(frozen=True)
class Run:
    """All that is written of one run."""

    title: str
    config: Mapping[str, Any]
    """Options, for config.json."""
    results: Mapping[str, Any]
    """Figures, for results.json; the versions of packages are added."""
    facts: Mapping[str, object]
    """What was run, for the table at the top of the page."""
    agents: Mapping[str, Sequence[Episode]]
    """Agent -> its finished episodes, in the order of training; its true figures are in the results under this name."""
    model: RewardModel | None = None
    """The reward model, for the page."""
    note: Mapping[str, Any] | None = None
    """What the file of the model says of its origin; None writes no such file."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """What is said of a picture -> the PNG, shown at the top of the page."""
    trained: Mapping[str, TrainedAgent] = field(default_factory=dict)
    """The agents that are kept: one alone in the folder itself, several in folders of their names."""
    film: bool = False
    """Whether the kept agents are filmed, side by side, where their environment draws itself."""
    film_seed: int = 0
    """Seed of the filmed episode."""
    costs: Costs = CostOptions()  # noqa: RUF009 - frozen
    """Where a film finds the cost of a step."""
    verdict: str = ""
    """The result in one sentence, for the page and the terminal."""
    levels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What is drawn ("true return", "cost") -> name -> a value to compare with."""
    action_repeat: int = 1
    """Environment steps of a decision."""
    cost_limit: float | None = None
    """Cost per episode that the last agent should keep to; the page draws it, and the verdict says whether it does."""
    alarms: tuple[str, ...] = DEFAULT
    """Codes of the alarms that are told of where they ring."""


def write_run(folder: Path, run: Run) -> dict[str, Any]:
    """Write config.json, curves.png, report.html and results.json; model.safetensors and the files of agents too,
    where the run has them. Returns the results.

    Raises:
        DataError: a file cannot be written.
        MissingExtraError: jinja2, matplotlib or bokeh is not installed.
    """
    run = _with_limit(run)
    rows = _rows(folder)
    rung = {name: [one.to_json() for one in find_alarms(each, run.alarms)] for name, each in rows.items()}
    results = {
        **run.results,
        "alarms": rung,
        "verdict": run.verdict,
        "warnings": given_warnings(),
        "versions": installed_versions(),
    }
    write_atomic(folder / "config.json", as_json(run.config))
    if run.model is not None and run.note is not None:
        save(run.model, folder / "model.safetensors", note=dict(run.note))
    for name, agent in run.trained.items():
        own = folder if len(run.trained) == 1 else folder / name
        own.mkdir(exist_ok=True)
        save_agent(agent, own)
    filmed = Filmed(None, "", {})
    if run.film and run.trained:
        filmed = film_agents(run.trained, run.model, run.film_seed, run.costs)
        results["film"] = f"none: {filmed.why}" if filmed.film is None else FILM
        if filmed.film is not None:
            write_atomic(folder / FILM, filmed.film)
    plot_curves(run.agents, folder / "curves.png", run.title, run.levels)
    page = render_run(
        run.title,
        run.facts,
        {name: results[name] for name in run.agents},
        run.agents,
        run.model,
        run.pictures,
        filmed.film,
        run.verdict,
        run.levels,
        rows,
        run.action_repeat,
        {name: [one.seen] for name, one in filmed.episodes.items() if one.seen is not None},
        run.alarms,
    )
    write_page(folder / "report.html", page)
    write_atomic(folder / "results.json", as_json(results))
    return results


def _with_limit(run: Run) -> Run:
    """Return a run whose levels and verdict tell of its cost limit, where it has one."""
    if run.cost_limit is None:
        return run
    name = list(run.agents)[-1]
    kept = "kept" if run.results[name]["cost"] <= run.cost_limit else "exceeded"
    limit = f"{run.cost_limit:g}"
    return replace(
        run,
        levels={**run.levels, "cost": {f"cost limit, {limit}": run.cost_limit}},
        verdict=f"{run.verdict} The cost limit of {limit} is {kept}.".strip(),
    )


def _rows(folder: Path) -> dict[str, list[EpisodeRow]]:
    """Return what was written of the episodes of every agent while it was trained; nothing where nothing was."""
    path = folder / FILE
    return {one.agent.removesuffix(" agent"): one.rows for one in read_rows(path)} if path.exists() else {}


class Filmed(NamedTuple):
    """Agents on a film."""

    film: bytes | None
    """An MP4 of one episode of every agent, side by side; None where there is none."""
    why: str
    """Why there is none."""
    episodes: dict[str, Watched]
    """Agent -> its episode."""


def film_agents(agents: Mapping[str, TrainedAgent], model: RewardModel | None, seed: int, costs: Costs) -> Filmed:
    """Film one episode of every agent, or say why that cannot be.

    Nothing is changed: not the agents, which may be in the middle of their training, and no generator.
    """
    try:
        episodes = {
            name: watch(acting(agent), model, seed, costs, _FILMED, pictures=MP4_RATE) for name, agent in agents.items()
        }
        side_by_side = {name: [one] for name, one in episodes.items()}
        return Filmed(film(side_by_side, ".mp4", FilmOptions(width=320, longest=_PICTURES)), "", episodes)
    except Exception as error:  # of any class: no film is worth a training
        return Filmed(None, str(error), {})


def step_facts(steps: int, action_repeat: int) -> dict[str, str]:
    """Return how long agents are trained, in decisions and in environment steps.

    >>> step_facts(2000, 1), step_facts(2000, 4)["environment steps"]
    ({'environment steps': '2,000'}, '8,000: every action is held for 4')
    """
    if action_repeat == 1:
        return {"environment steps": f"{steps:,}"}
    held = f"{steps * action_repeat:,}: every action is held for {action_repeat}"
    return {"decisions": f"{steps:,}", "environment steps": held}


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return readable JSON with a final newline."""
    return (json.dumps(content, indent=2, default=str, allow_nan=False) + "\n").encode()
