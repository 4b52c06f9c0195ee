"""`tsreward collect`: episodes of an agent, as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from tsreward.cli.main import remark
from tsreward.cli.output import Stages, check_output, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.episodes import save_episodes
from tsreward.data.graded import save_graded
from tsreward.encoders.frame_layout import FrameLayout
from tsreward.report.run import summarise_training
from tsreward.sb3.environment_checks import check_environment
from tsreward.sb3.grading import GradingOptions, collect_graded
from tsreward.sb3.playing import act_at_random
from tsreward.sb3.training import AgentOptions, train_agent
from tsreward.sequences.cost_reader import CostReader
from tsreward.sequences.costs import CostOptions
from tsreward.sequences.episodes import Episode
from tsreward.wrappers.obs_parts import named_obs_key


@dataclass(frozen=True)
class Options(Arguments):
    """Record observations, actions, rewards and, where the environment gives them, costs of every step."""

    env: str
    """Id of the environment, e.g. SafetyPointCircle1-v0, dmc/walker-walk or atari/Boxing:ram,stack=2."""
    out: Path
    """File of the episodes, .npz."""
    agent: Literal["train", "random", "graded"] = "train"
    """train: everything that an agent does while it learns the environment's reward. random: uniform actions. graded:
    complete episodes of a random policy, of the agent at stages of its training and of the expert that it becomes."""
    training: tyro.conf.OmitArgPrefixes[AgentOptions] = field(default_factory=AgentOptions)
    grading: tyro.conf.OmitArgPrefixes[GradingOptions] = field(default_factory=GradingOptions)
    costs: tyro.conf.OmitArgPrefixes[CostOptions] = field(default_factory=CostOptions)
    frame_layout: str | None = None
    """How frames stand in what the environment observes, where its wrappers stack, transpose or scale them, e.g.
    CHW,stack=4 or HW,scaled: recorded is the newest one, as bytes [H, W, C]. The agent sees all."""
    obs_key: tuple[str, ...] = ()
    """What is recorded where the observation is a Dict or a Tuple: keys, a/b for one inside another, whose parts stand
    side by side; my_module:state_of is a function of your own, which gets one observation. Without any, all parts are
    recorded. The agent sees all."""
    json: bool = False
    """Print what was recorded as one JSON document."""


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "collect", arguments))


def run(options: Options) -> int:
    """Run the agent, write the file, print a summary."""
    check_output(options.out)
    if (layout := _layout(options)) is not None:
        layout.frame_shape(check_environment(options.env, obs_key=named_obs_key(options.obs_key)))
    prefer_one_thread()
    summary = _graded(options) if options.agent == "graded" else _recorded(options)
    if options.json:
        print_json(summary)
    else:
        returns = summary.pop("returns", {})
        rows = [*summary.items(), *((f"return, {skill}", value) for skill, value in returns.items())]
        print_table("Episodes", ["what", "value"], rows)
        conclude(*_verdict(options, summary, returns))
    return 0


def _verdict(options: Options, summary: Mapping[str, Any], returns: Mapping[str, float]) -> tuple[str, list[object]]:
    """Return what was recorded in one sentence, and the command that learns from it."""
    recorded = f"{summary['episodes']:,} episodes with {summary['steps']:,} steps are in {options.out}"
    fit: list[object] = ["tsreward", "fit", "--data", options.out, "--out", "model.safetensors"]
    if returns:
        random = f", random actions {returns['random']:,.0f}" if "random" in returns else ""
        train: list[object] = [
            "tsreward",
            "train",
            "--reward",
            "likeness",
            "--env",
            options.env,
            "--demos",
            options.out,
        ]
        return f"{recorded}; the expert returns {returns['expert']:,.0f} on average{random}.", train
    if summary["cost_rate"]:
        told = f"{recorded}; {100 * summary['cost_rate']:.2g} % of the steps cost."
        return told, [*fit, "--scorer", "deep_sad"]
    return f"{recorded}; no step has a cost.", [*fit, "--scorer", "knn", "--reward", "likeness"]


def _graded(options: Options) -> dict[str, Any]:
    reader = CostReader(options.costs)
    with Stages() as stages:
        graded = collect_graded(
            options.env, options.training, options.grading, stages, reader, named_obs_key(options.obs_key)
        )
    _tell_costs(reader)
    save_graded(replace(graded, episodes=_as_frames(graded.episodes, options)), options.out)
    returns = graded.mean_returns()
    if returns["expert"] < max(returns.values()):
        best = max(returns, key=lambda skill: returns[skill])
        remark(
            f"warning: the expert's mean return of {returns['expert']:.1f} is below the {returns[best]:.1f} of {best}: "
            f"train for more steps, or with other options."
        )
    return {
        "file": str(options.out),
        "env": options.env,
        "agent": options.agent,
        "seed": options.training.seed,
        "steps": sum(len(episode) for episode in graded.episodes),
        "episodes": len(graded.episodes),
        "returns": returns,
    }


def _layout(options: Options) -> FrameLayout | None:
    return None if options.frame_layout is None else FrameLayout.parse(options.frame_layout)


def _as_frames(episodes: list[Episode], options: Options) -> list[Episode]:
    """Return the episodes with the newest frames as observations, where a layout is declared."""
    layout = _layout(options)
    return episodes if layout is None else [replace(one, obs=layout.frames_of(one.obs)) for one in episodes]


def _tell_costs(reader: CostReader) -> None:
    """Say where costs were found, or that there were none."""
    remark(f"costs: {reader.summary()}")
    reader.tell()


def _recorded(options: Options) -> dict[str, Any]:
    training, key = options.training, named_obs_key(options.obs_key)
    with Stages() as stages:
        check_environment(options.env, training.algorithm if options.agent == "train" else None, obs_key=key)
        report = stages(f"{options.agent} agent")
        if options.agent == "train":
            agent = train_agent(options.env, training, report=report, costs=options.costs, obs_key=key)
            agent.normaliser.close()
            record = agent.record
        else:
            record = act_at_random(
                options.env, training.steps, training.num_envs, training.seed, report, options.costs, key
            )
    _tell_costs(record.costs)
    episodes = _as_frames(record.all_episodes(), options)
    save_episodes(episodes, options.out)
    steps = sum(len(episode) for episode in episodes)
    costs = [episode.costs for episode in episodes if episode.costs is not None]
    finished = record.finished
    return {
        "file": str(options.out),
        "env": options.env,
        "agent": options.agent,
        "seed": training.seed,
        "steps": steps,
        "episodes": len(episodes),
        "complete_episodes": len(finished),
        "final_return": summarise_training(finished, episodes).episode_return if finished else None,
        "cost_rate": float(np.concatenate(costs).mean()) if costs else None,
        "costs": record.costs.summary(),
    }
